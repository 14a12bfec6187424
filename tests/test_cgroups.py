"""Limits of memory of both versions of cgroups, nested and not, as Linux shows them to hosts and containers."""

import math

import pytest

from hptune import cgroups, machine

GB = 10**9
V1 = "36 31 0:32 {top} /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
V1 += "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
V2 = "29 22 0:26 {top} /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
V2_BESIDE_V1 = "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"


def tree(root, own, mounts, files):
    for name, text in {"proc/self/cgroup": own, "proc/self/mountinfo": mounts, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(text))
    return root


def free(root):
    """The bytes of the narrowest group, and what it has left."""
    found = list(cgroups.groups(root))
    return (
        min((group.limit for group in found), default=math.inf),
        min((group.free for group in found), default=math.inf),
    )


@pytest.mark.parametrize(
    ("own", "top", "files", "expected"),
    [
        # a container with a namespace of its own
        ("0::/", "/", {"memory.max": 2 * GB, "memory.current": GB}, (2 * GB, GB)),
        # the same, mounted from outside: paths go up
        ("0::/../other", "/", {"memory.max": 2 * GB}, (2 * GB, 2 * GB)),
        # a container that sees its name on the host
        ("0::/docker/abc", "/docker/abc", {"memory.max": 2 * GB}, (2 * GB, 2 * GB)),
        # a scope of systemd without a namespace: no limit at the root, where there are no such files
        (
            "0::/user.slice/run-7.scope",
            "/",
            {"user.slice/memory.max": "max", "user.slice/run-7.scope/memory.max": 3 * GB},
            (3 * GB, 3 * GB),
        ),
        # a parent is narrower, and others use it as well
        (
            "0::/a/b",
            "/",
            {"a/memory.max": 2 * GB, "a/memory.current": 1.5 * GB, "a/b/memory.max": 3 * GB, "a/b/memory.current": 1},
            (2 * GB, 0.5 * GB),
        ),
        # beyond memory.high everything crawls
        ("0::/a", "/", {"a/memory.max": "max", "a/memory.high": GB, "a/memory.current": 0}, (GB, GB)),
        # what is cached of files is given up
        (
            "0::/a",
            "/",
            {
                "a/memory.max": 4 * GB,
                "a/memory.current": 3 * GB,
                "a/memory.stat": f"anon {GB}\nactive_file {GB // 2}\ninactive_file {GB}\n",
            },
            (4 * GB, 2.5 * GB),
        ),
        ("0::/a", "/", {"a/memory.max": "max"}, (math.inf, math.inf)),
        ("0::/a", "/", {"a/memory.max": GB, "a/memory.current": 2 * GB}, (GB, 0)),
        # a blank in a name
        ("0::/b", r"/a\040b", {"memory.max": GB}, (GB, GB)),
    ],
)
def test_version_2(own, top, files, expected, tmp_path):
    within = {f"sys/fs/cgroup/{name}": text for name, text in files.items()}
    assert free(tree(tmp_path, own + "\n", V2.format(top=top), within)) == expected


@pytest.mark.parametrize(
    ("own", "top", "files", "expected"),
    [
        ("/docker/abc", "/docker/abc", {"memory.limit_in_bytes": 2 * GB, "memory.usage_in_bytes": GB}, (2 * GB, GB)),
        (
            "/a/b",
            "/",
            {
                "memory.limit_in_bytes": 9223372036854771712,  # none
                "a/memory.limit_in_bytes": 2 * GB,
                "a/memory.usage_in_bytes": GB,
                "a/memory.stat": f"cache 7\ninactive_file 5\ntotal_active_file {GB // 4}\ntotal_inactive_file 0\n",
                "a/b/memory.limit_in_bytes": 9223372036854771712,
            },
            (2 * GB, 1.25 * GB),
        ),
    ],
)
def test_version_1_beside_an_empty_version_2(own, top, files, expected, tmp_path):
    within = {f"sys/fs/cgroup/memory/{name}": text for name, text in files.items()}
    controllers = f"4:cpu:/elsewhere\n3:hugetlb,memory:{own}\n0::/\n"
    assert free(tree(tmp_path, controllers, V1.format(top=top) + V2_BESIDE_V1, within)) == expected


def test_without_any_there_is_no_limit(tmp_path):
    assert list(cgroups.groups(tmp_path)) == []


def test_memory_is_that_of_the_narrowest_group(monkeypatch):
    monkeypatch.setattr(cgroups, "groups", lambda: [cgroups.Group(3000, 500), cgroups.Group(2000, 1900)])
    assert machine.memory_free() == 100
    assert machine.look(machine.Path("/"), cores=1).memory == 2000
