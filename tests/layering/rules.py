"""Which folder may include what. The arrows of ARCHITECTURE.md, as data.

A module is a set of path prefixes. Of several that match a path, the longest wins.
"""

# Folders whose includes are checked; paths are relative to the project's root.
SOURCE_FOLDERS = ("proto", "scheduler", "storage", "server", "client", "tests")

MODULES = {
    # Generated from proto/; named as they are included.
    "wire": ("dapr/proto/", "belfry/v1/"),
    "records": ("belfry/storage/",),
    # Keys and certificates in files: both ends of a connection have them.
    "net": ("client/net/",),
    "tls": ("client/tls/",),
    # The core. Its three lowest folders are named apart because `belfry next` uses them.
    "base": ("scheduler/base/",),
    "schedule": ("scheduler/schedule/", "scheduler/job/"),
    "core": ("scheduler/",),
    "storage": ("storage/",),
    "server": ("server/",),
    # The client library and what is built on it.
    "client_api": ("client/include/belfry/", "belfry/"),
    "client_src": ("client/src/",),
    "sidecar": ("client/sidecar/",),
    "cli": ("client/cli/",),
    "cli_next": ("client/cli/next.",),
    "cli_verify": ("client/cli/verify.",),
    "examples": ("client/examples/",),
    "tests": ("tests/",),
}

# module -> modules that it may include besides itself.
ARROWS = {
    "wire": set(),
    "records": {"wire"},
    "tls": set(),
    "net": set(),
    "base": set(),
    "schedule": {"base", "wire"},
    "core": {"base", "schedule", "wire", "records"},
    "storage": {"base", "schedule", "core", "wire", "records"},
    "server": {"base", "schedule", "core", "storage", "net", "tls", "wire", "records"},
    "client_api": {"wire"},
    "client_src": {"client_api", "tls", "wire"},
    "sidecar": {"client_api", "client_src", "net", "wire"},
    "cli": {"client_api", "client_src", "cli_next", "cli_verify", "wire"},
    "cli_next": {"cli", "base", "schedule", "wire"},
    "cli_verify": {"base", "core", "storage"},
    "examples": {"client_api", "wire"},
}
# Tests may include everything; nothing may include them.
ARROWS["tests"] = set(ARROWS) - {"tests"}

# Library -> how its includes begin. Everything else from outside may be used anywhere.
LIBRARIES = {
    "gRPC": ("grpc/", "grpcpp/", "grpc++/"),
    "RocksDB": ("rocksdb/",),
    "Boost": ("boost/",),
    "CLI11": ("CLI/",),
    "prometheus-cpp": ("prometheus/",),
    "Catch2": ("catch2/",),
}

# library -> modules that may include it.
LIBRARY_USERS = {
    "gRPC": {"server", "net", "client_src", "sidecar", "cli", "tests"},
    "RocksDB": {"storage", "tests"},
    "Boost": {"server", "sidecar", "cli", "cli_verify", "examples", "tests"},
    "CLI11": {"server", "sidecar", "cli", "tests"},
    "prometheus-cpp": {"server", "sidecar", "tests"},
    "Catch2": {"tests"},
}

# What the client library's public headers may include from outside: C++'s own headers, which have
# no directory, and these.
PUBLIC_HEADER_LIBRARIES = ("absl/", "google/protobuf/")

COLUMNS_MAX = 100
