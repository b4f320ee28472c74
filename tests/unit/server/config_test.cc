#include "server/config.h"

#include <cstdlib>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

namespace belfry::server {
namespace {

// Sets a variable of the environment for one test.
class ScopedVariable {
 public:
  ScopedVariable(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
  ~ScopedVariable() { unsetenv(name_); }

 private:
  const char* const name_;
};

Config Parsed(const std::vector<std::string>& flags) {
  const Arguments arguments = ParseArguments(flags);
  INFO(arguments.text);
  REQUIRE(arguments.config.has_value());
  return *arguments.config;
}

TEST_CASE("without flags the defaults hold") {
  const Config config = Parsed({});
  CHECK(config.port == 50006);
  CHECK(config.healthz_port == 8080);
  CHECK(config.metrics_port == 9090);
  CHECK(config.enable_metrics);
  CHECK(config.listen_address.empty());
  CHECK(config.healthz_listen_address.empty());
  CHECK(config.id == "dapr-scheduler-server-0");
  CHECK(config.data_dir == "./data");
  CHECK(config.log_level == "info");
  CHECK_FALSE(config.log_as_json);
  CHECK(config.override_broadcast_host_port.empty());
  CHECK(config.max_unsynced == absl::Seconds(1));
  CHECK(config.limits.max_list_bytes == size_t{1} << 30);
  CHECK(config.admin_socket.empty());
  CHECK_FALSE(config.disk_reserve_bytes.has_value());
  CHECK(config.ports_file.empty());
}

TEST_CASE("the largest list is a number of bytes that fits into a message") {
  const std::string text = GENERATE("0", "-1", "2147483648", "1TiB", "");
  const Arguments arguments = ParseArguments({"--max-list-bytes=" + text});
  CHECK_FALSE(arguments.config.has_value());
  CHECK(arguments.exit_code == 2);
}

TEST_CASE("flags are read with = and with a space") {
  CHECK(Parsed({"--port=7"}).port == 7);
  CHECK(Parsed({"--port", "7"}).port == 7);
  CHECK(Parsed({"--listen-address=::1"}).listen_address == "::1");
  CHECK(Parsed({"--listen-address="}).listen_address.empty());
  CHECK(Parsed({"--healthz-port=0"}).healthz_port == 0);
  CHECK(Parsed({"--healthz-listen-address=127.0.0.1"}).healthz_listen_address == "127.0.0.1");
  CHECK(Parsed({"--metrics-port", "65535"}).metrics_port == 65535);
  CHECK(Parsed({"--id=a"}).id == "a");
  CHECK(Parsed({"--data-dir=/x"}).data_dir == "/x");
  CHECK(Parsed({"--etcd-data-dir=/x"}).data_dir == "/x");
  CHECK(Parsed({"--log-level=debug"}).log_level == "debug");
  CHECK(Parsed({"--override-broadcast-host-port=h:1"}).override_broadcast_host_port == "h:1");
  CHECK(Parsed({"--max-unsynced=250ms"}).max_unsynced == absl::Milliseconds(250));
  CHECK(Parsed({"--disk-reserve-bytes=0"}).disk_reserve_bytes == 0U);
  CHECK(Parsed({"--disk-reserve-bytes=10737418240"}).disk_reserve_bytes == 10737418240U);
  CHECK(Parsed({"--disk-reserve-bytes=10GiB"}).disk_reserve_bytes == 10737418240U);
  CHECK(Parsed({"--ports-file=/p"}).ports_file == "/p");
  CHECK(Parsed({"--max-list-bytes=1"}).limits.max_list_bytes == 1);
  CHECK(Parsed({"--max-list-bytes", "2147483647"}).limits.max_list_bytes == 2147483647);
  CHECK(Parsed({"--admin-socket=/s"}).admin_socket == "/s");
}

TEST_CASE("limits are numbers, sizes and times within their ranges") {
  const Limits defaults;
  const Limits limits = Parsed({}).limits;
  CHECK(limits.max_job_bytes == size_t{64} << 20);
  CHECK(limits.max_unsent_bytes == size_t{4} << 20);
  CHECK(limits.max_in_flight == 100000);
  CHECK(limits.max_jobs_per_namespace == 0);
  CHECK(limits.max_ack_time == absl::ZeroDuration());
  CHECK(limits.max_mailbox_bytes == defaults.max_mailbox_bytes);
  CHECK(limits.max_streams == defaults.max_streams);

  CHECK(Parsed({"--max-job-bytes=4096"}).limits.max_job_bytes == 4096);
  CHECK(Parsed({"--max-job-bytes=3KiB"}).limits.max_job_bytes == 3072);
  CHECK(Parsed({"--max-job-bytes=3Ki"}).limits.max_job_bytes == 3072);
  CHECK(Parsed({"--max-job-bytes=3k"}).limits.max_job_bytes == 3000);
  CHECK(Parsed({"--max-mailbox-bytes=2GiB"}).limits.max_mailbox_bytes == size_t{2} << 30);
  CHECK(Parsed({"--max-mailbox-events=7"}).limits.max_mailbox_events == 7);
  CHECK(Parsed({"--max-turn-events=7"}).limits.max_turn_events == 7);
  CHECK(Parsed({"--max-turn-bytes=8MiB"}).limits.max_turn_bytes == size_t{8} << 20);
  CHECK(Parsed({"--max-jobs-per-namespace=5"}).limits.max_jobs_per_namespace == 5);
  CHECK(Parsed({"--max-concurrency-keys=5"}).limits.max_concurrency_keys == 5);
  CHECK(Parsed({"--max-prefix-deletes=5"}).limits.max_prefix_deletes == 5);
  CHECK(Parsed({"--max-pending-lists=5"}).limits.max_pending_lists == 5);
  CHECK(Parsed({"--max-streams=5"}).limits.max_streams == 5);
  CHECK(Parsed({"--max-stream-unsent-bytes=1KiB"}).limits.max_unsent_bytes == 1024);
  CHECK(Parsed({"--max-stream-in-flight=5"}).limits.max_in_flight == 5);
  CHECK(Parsed({"--max-stream-targets=5"}).limits.max_stream_targets == 5);
  CHECK(Parsed({"--max-stream-limits=5"}).limits.max_stream_limits == 5);
  CHECK(Parsed({"--max-ack-time=90s"}).limits.max_ack_time == absl::Seconds(90));
  CHECK(Parsed({"--max-ack-time=0"}).limits.max_ack_time == absl::ZeroDuration());
  CHECK(Parsed({"--keepalive-time=1s"}).limits.keepalive_time == absl::Seconds(1));
  CHECK(Parsed({"--keepalive-timeout=1s"}).limits.keepalive_timeout == absl::Seconds(1));
  CHECK(Parsed({"--max-loop-stall=1m"}).limits.max_loop_stall == absl::Minutes(1));
  CHECK(Parsed({"--max-dispatch-wait=1m"}).limits.max_dispatch_wait == absl::Minutes(1));
  CHECK(Parsed({"--max-connection-calls=50"}).limits.max_connection_calls == 50);
  CHECK(Parsed({"--max-calls=20001"}).limits.max_calls == 20001);
  // Requests need room beside streams.
  CHECK(ParseArguments({"--max-calls=20000"}).exit_code == 2);
  const ScopedVariable variable("BELFRY_MAX_STREAMS", "9");
  CHECK(Parsed({}).limits.max_streams == 9);

  const auto wrong = GENERATE(
      "--max-job-bytes=10", "--max-job-bytes=2GiB", "--max-job-bytes=1kb", "--max-job-bytes=-1",
      "--max-job-bytes=", "--max-job-bytes=99999999999999999999GiB", "--max-mailbox-events=0",
      "--max-mailbox-events=1KiB", "--max-turn-events=0", "--max-streams=0", "--max-calls=999",
      "--max-connection-calls=1", "--max-ack-time=10ms", "--max-ack-time=soon",
      "--max-ack-time=-1s", "--keepalive-time=0", "--max-loop-stall=1s", "--max-dispatch-wait=2h",
      "--max-mailbox-bytes=64MiB");
  const Arguments arguments = ParseArguments({wrong});
  INFO(wrong);
  CHECK(arguments.exit_code == 2);
  const std::string flag(wrong);
  CHECK(arguments.text.find(flag.substr(0, flag.find('='))) != std::string::npos);
}

TEST_CASE("the last one of a repeated flag wins") {
  CHECK(Parsed({"--port=1", "--port=2"}).port == 2);
  CHECK_FALSE(Parsed({"--log-as-json", "--log-as-json=false"}).log_as_json);
  CHECK(Parsed({"--data-dir=a", "--etcd-data-dir=b"}).data_dir == "b");
}

TEST_CASE("booleans are read bare and with a value") {
  CHECK(Parsed({"--log-as-json"}).log_as_json);
  CHECK(Parsed({"--log-as-json=true"}).log_as_json);
  CHECK_FALSE(Parsed({"--log-as-json=false"}).log_as_json);
  CHECK(Parsed({"--enable-metrics"}).enable_metrics);
  CHECK_FALSE(Parsed({"--enable-metrics=false"}).enable_metrics);
}

TEST_CASE("each flag is also read from the environment, and the command line wins") {
  const ScopedVariable port("BELFRY_PORT", "1234");
  const ScopedVariable data("BELFRY_DATA_DIR", "/var/jobs");
  const ScopedVariable metrics("BELFRY_ENABLE_METRICS", "false");
  const ScopedVariable json("BELFRY_LOG_AS_JSON", "true");
  const ScopedVariable broadcast("BELFRY_OVERRIDE_BROADCAST_HOST_PORT", "h:1");
  const Config config = Parsed({});
  CHECK(config.port == 1234);
  CHECK(config.data_dir == "/var/jobs");
  CHECK_FALSE(config.enable_metrics);
  CHECK(config.log_as_json);
  CHECK(config.override_broadcast_host_port == "h:1");
  CHECK(Parsed({"--port=7"}).port == 7);
  CHECK(Parsed({"--etcd-data-dir=/x"}).data_dir == "/x");
  CHECK(Parsed({"--enable-metrics=true"}).enable_metrics);
}

TEST_CASE("the other name of the data directory has a variable too") {
  const ScopedVariable alias("BELFRY_ETCD_DATA_DIR", "/var/alias");
  CHECK(Parsed({}).data_dir == "/var/alias");
  CHECK(Parsed({"--data-dir=/x"}).data_dir == "/x");
  const ScopedVariable data("BELFRY_DATA_DIR", "/var/jobs");
  CHECK(Parsed({}).data_dir == "/var/jobs");
}

TEST_CASE("what cannot be understood ends with the usage and exit code 2") {
  const auto flags = GENERATE(
      std::vector<std::string>{"--no-such-flag"}, std::vector<std::string>{"--port=abc"},
      std::vector<std::string>{"--port=65536"}, std::vector<std::string>{"--port=-1"},
      std::vector<std::string>{"--port="}, std::vector<std::string>{"--port"},
      std::vector<std::string>{"--log-as-json="}, std::vector<std::string>{"--log-level=loud"},
      std::vector<std::string>{"stray"}, std::vector<std::string>{"--max-unsynced=soon"},
      std::vector<std::string>{"--disk-reserve-bytes=1GB"},
      std::vector<std::string>{"--disk-reserve-bytes=-1"},
      std::vector<std::string>{"--max-unsynced=0s"}, std::vector<std::string>{"--max-unsynced=2h"},
      std::vector<std::string>{"--log-as-json=maybe"});
  INFO(flags[0]);
  const Arguments arguments = ParseArguments(flags);
  CHECK_FALSE(arguments.config.has_value());
  CHECK(arguments.exit_code == 2);
  CHECK_FALSE(arguments.text.empty());
}

TEST_CASE("help and version are answered with exit code 0") {
  const Arguments help = ParseArguments({"--help"});
  CHECK_FALSE(help.config.has_value());
  CHECK(help.exit_code == 0);
  CHECK(help.text.find("--healthz-port") != std::string::npos);

  const Arguments version = ParseArguments({"--version"});
  CHECK_FALSE(version.config.has_value());
  CHECK(version.exit_code == 0);
  CHECK(version.text == "belfry-scheduler " BELFRY_VERSION "\n");
}

TEST_CASE("what would split or expose the service is refused with exit code 1") {
  const auto flag =
      GENERATE(std::string("--tls-enabled"), std::string("--tls-enabled=true"),
               std::string("--mode=kubernetes"), std::string("--etcd-embed=false"),
               std::string("--etcd-client-endpoints=http://etcd:2379"),
               std::string("--etcd-client-username=u"), std::string("--etcd-client-password=p"),
               std::string("--etcd-initial-cluster=a=http://a:2380,b=http://b:2380"),
               std::string("--initial-cluster=a=http://a:2380,b=http://b:2380"),
               std::string("--replica-count=3"), std::string("--sentry-address=sentry:443"),
               std::string("--kubeconfig=/k"));
  INFO(flag);
  const Arguments arguments = ParseArguments({flag});
  CHECK_FALSE(arguments.config.has_value());
  CHECK(arguments.exit_code == 1);
  // The flag, and what to do.
  CHECK(arguments.text.find(flag.substr(0, flag.find('='))) != std::string::npos);
  CHECK(arguments.text.find("leave the flag") != std::string::npos);
}

const std::vector<std::string> kTls = {"--tls-cert-file=c", "--tls-key-file=k"};
const std::vector<std::string> kMutualTls = {"--tls-cert-file=c", "--tls-key-file=k",
                                             "--tls-ca-file=a"};

std::vector<std::string> And(std::vector<std::string> flags, const std::string& more) {
  flags.push_back(more);
  return flags;
}

TEST_CASE("TLS is on with a certificate and a key, and mutual with CAs as well") {
  CHECK_FALSE(Parsed({}).has_tls());
  CHECK(Parsed(kTls).has_tls());
  CHECK_FALSE(Parsed(kTls).has_mutual_tls());
  CHECK(Parsed(kMutualTls).has_mutual_tls());
  CHECK(Parsed(kMutualTls).tls == tls::KeyFiles{"c", "k", "a"});
  CHECK(
      Parsed(And(kMutualTls, "--admin-identities=spiffe://td/a,spiffe://td/b")).admin_identities ==
      std::vector<std::string>{"spiffe://td/a", "spiffe://td/b"});
  const ScopedVariable cert("BELFRY_TLS_CERT_FILE", "c");
  const ScopedVariable key("BELFRY_TLS_KEY_FILE", "k");
  CHECK(Parsed({}).has_tls());
}

TEST_CASE("flags about TLS that do not go together are refused with exit code 1") {
  const auto flags = GENERATE(
      std::vector<std::string>{"--tls-cert-file=c"}, std::vector<std::string>{"--tls-key-file=k"},
      std::vector<std::string>{"--tls-ca-file=a"},
      std::vector<std::string>{"--tls-ca-file=a", "--tls-key-file=k"},
      std::vector<std::string>{"--admin-identities=spiffe://td/a"},
      And(kTls, "--admin-identities=spiffe://td/a"), And(kMutualTls, "--admin-identities=alice"));
  const Arguments arguments = ParseArguments(flags);
  CHECK_FALSE(arguments.config.has_value());
  CHECK(arguments.exit_code == 1);
  CHECK(arguments.text.find(flags.back().substr(0, flags.back().find('='))) != std::string::npos);
}

TEST_CASE("the reference's flags for mutual TLS are content with certificates in files") {
  const std::string flag = GENERATE(as<std::string>(), "--tls-enabled", "--mode=kubernetes",
                                    "--sentry-address=sentry:443");
  CAPTURE(flag);
  CHECK(Parsed(And(kMutualTls, flag)).ignored_flags ==
        std::vector<std::string>{flag.substr(0, flag.find('='))});
  // Without asking clients for theirs it is less than what the flag asks for.
  CHECK(ParseArguments(And(kTls, flag)).exit_code == 1);
}

TEST_CASE("refused flags are accepted with the values that ask for nothing special") {
  Parsed({"--tls-enabled=false"});
  Parsed({"--mode=standalone"});
  Parsed({"--etcd-embed"});
  Parsed({"--etcd-embed=true"});
  Parsed({"--etcd-initial-cluster=dapr-scheduler-server-0=http://localhost:2380"});
  Parsed({"--etcd-client-endpoints=", "--etcd-client-username=", "--sentry-address="});
  Parsed({"--replica-count=1"});
}

TEST_CASE("the whole command line of a reference scheduler with one member is understood") {
  const Config config = Parsed({"--port=50006",
                                "--healthz-port=8080",
                                "--healthz-listen-address=",
                                "--listen-address=0.0.0.0",
                                "--override-broadcast-host-port=localhost:50006",
                                "--tls-enabled=false",
                                "--trust-domain=localhost",
                                "--trust-anchors-file=/ca.crt",
                                "--mode=standalone",
                                "--id=dapr-scheduler-server-0",
                                "--etcd-embed=true",
                                "--etcd-initial-cluster=dapr-scheduler-server-0=http://l:2380",
                                "--etcd-data-dir=/jobs",
                                "--etcd-client-port=2379",
                                "--etcd-client-listen-address=0.0.0.0",
                                "--etcd-space-quota=16Gi",
                                "--etcd-compaction-mode=periodic",
                                "--etcd-compaction-retention=10m",
                                "--etcd-snapshot-count",
                                "10000",
                                "--etcd-max-snapshots=10",
                                "--etcd-max-wals=10",
                                "--etcd-backend-batch-limit=5000",
                                "--etcd-backend-batch-interval=50ms",
                                "--etcd-max-txn-ops=10000",
                                "--etcd-experimental-bootstrap-defrag-threshold-megabytes=100",
                                "--etcd-initial-election-tick-advance",
                                "--etcd-metrics=basic",
                                "--identity-directory-write=/tmp/x",
                                "--workers=2048",
                                "--log-level=info",
                                "--log-as-json=false",
                                "--log-file=",
                                "--metrics-port=9090",
                                "--metrics-listen-address=0.0.0.0",
                                "--enable-metrics"});
  CHECK(config.data_dir == "/jobs");
  CHECK(config.override_broadcast_host_port == "localhost:50006");
  CHECK(config.ignored_flags ==
        std::vector<std::string>{"--etcd-client-listen-address",
                                 "--etcd-client-port",
                                 "--etcd-space-quota",
                                 "--etcd-compaction-mode",
                                 "--etcd-compaction-retention",
                                 "--etcd-snapshot-count",
                                 "--etcd-max-snapshots",
                                 "--etcd-max-wals",
                                 "--etcd-backend-batch-limit",
                                 "--etcd-backend-batch-interval",
                                 "--etcd-max-txn-ops",
                                 "--etcd-experimental-bootstrap-defrag-threshold-megabytes",
                                 "--etcd-initial-election-tick-advance",
                                 "--etcd-metrics",
                                 "--identity-directory-write",
                                 "--log-file",
                                 "--metrics-listen-address",
                                 "--trust-anchors-file",
                                 "--trust-domain",
                                 "--workers"});
}

TEST_CASE("flags without effect are told once each, those that were not given not at all") {
  CHECK(Parsed({}).ignored_flags.empty());
  CHECK(Parsed({"--workers=1", "--workers=2"}).ignored_flags ==
        std::vector<std::string>{"--workers"});
  const ScopedVariable workers("BELFRY_WORKERS", "3");
  CHECK(Parsed({}).ignored_flags == std::vector<std::string>{"--workers"});
}

TEST_CASE("flags may begin with one dash") {
  CHECK(Parsed({"-port=7"}).port == 7);
  CHECK(Parsed({"-data-dir", "/x"}).data_dir == "/x");
  CHECK(ParseArguments({"-no-such-flag"}).exit_code == 2);
}

TEST_CASE("a refused flag in the environment is refused too") {
  const ScopedVariable tls("BELFRY_TLS_ENABLED", "true");
  CHECK(ParseArguments({}).exit_code == 1);
}

}  // namespace
}  // namespace belfry::server
