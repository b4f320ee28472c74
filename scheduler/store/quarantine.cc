#include "scheduler/store/quarantine.h"

#include <utility>

#include "scheduler/base/status_macros.h"
#include "scheduler/store/record_codec.h"

namespace belfry {
namespace {

// Sorts before every table's name, and is no beginning of one.
constexpr char kNoteMark = '\0';
constexpr char kNotKnown[] = "not recorded";

void AddNote(const std::optional<std::string>& bytes, QuarantinedRecord* record) {
  storage::v1::QuarantineNote note;
  if (!bytes.has_value() || !note.ParseFromString(*bytes)) {
    record->reason = kNotKnown;
    return;
  }
  record->reason = note.reason();
  if (note.has_time()) record->time = DecodeInstant(note.time());
}

}  // namespace

std::string QuarantineKey(Table table, std::string_view key) {
  std::string quarantine_key(TableName(table));
  quarantine_key.push_back('\0');
  quarantine_key.append(key);
  return quarantine_key;
}

std::string QuarantineNoteKey(std::string_view quarantine_key) {
  std::string note_key(1, kNoteMark);
  note_key.append(quarantine_key);
  return note_key;
}

absl::Status ReadQuarantine(const Store& store,
                            const std::function<bool(QuarantinedRecord)>& visitor) {
  const std::string behind_notes(1, kNoteMark + 1);
  absl::Status status;
  RETURN_IF_ERROR(store.Scan({Table::kQuarantine, behind_notes, ""}, [&](auto key, auto value) {
    const auto note = store.Get(Table::kQuarantine, QuarantineNoteKey(key));
    if (!note.ok()) {
      status = note.status();
      return false;
    }
    QuarantinedRecord record;
    const size_t end_of_table = key.find('\0');
    record.table = std::string(key.substr(0, end_of_table));
    if (end_of_table != std::string_view::npos) record.key = key.substr(end_of_table + 1);
    record.bytes = value.size();
    AddNote(*note, &record);
    return visitor(std::move(record));
  }));
  return status;
}

}  // namespace belfry
