#include "client/cli/verify.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cstdlib>

#include "storage/backup.h"

namespace belfry {

namespace json = boost::json;

namespace {

std::string Summary(const VerifyReport& report) {
  json::object tables;
  for (int i = 0; i < kTableCount; ++i) {
    const auto table = static_cast<Table>(i);
    const std::string_view name = TableName(table);
    tables[json::string_view(name.data(), name.size())] = report.store.rows_of(table);
  }
  json::object line;
  line["format"] = report.store.format;
  line["jobs"] = report.store.jobs;
  line["quarantined"] = report.store.quarantined;
  line["setAside"] = report.store.set_aside;
  line["deleted"] = report.store.deleted;
  line["leftOver"] = report.store.left_over;
  line["tables"] = std::move(tables);
  line["problems"] = report.store.problem_count;
  if (report.files.has_value()) {
    line["files"] = report.files->files;
    line["bytes"] = report.files->bytes;
  }
  return json::serialize(line);
}

}  // namespace

int RunVerify(const std::string& directory, std::ostream& out, std::ostream& err) {
  const auto report = VerifyStore(directory);
  if (!report.ok()) {
    err << "belfry: admin verify: " << absl::StatusCodeToString(report.status().code()) << ": "
        << std::string(report.status().message()) << "\n";
    return EXIT_FAILURE;
  }
  out << Summary(*report) << std::endl;
  for (const std::string& problem : report->store.problems) {
    err << "belfry: admin verify: " << problem << "\n";
  }
  const uint64_t untold = report->store.problem_count - report->store.problems.size();
  if (untold > 0) err << "belfry: admin verify: " << untold << " more problems\n";
  return report->store.problem_count == 0 && out ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace belfry
