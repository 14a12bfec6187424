"""The study file: strict YAML (yaml_tree), read key by key (reader), as parameters and a whole (study_file)."""
