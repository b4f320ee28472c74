#include "client/cli/unknown_fields.h"

#include <vector>

#include "google/protobuf/unknown_field_set.h"

namespace belfry {

namespace pb = google::protobuf;

namespace {

void Collect(const pb::Message& message, const std::string& path, UnknownFields* out) {
  const pb::Reflection& reflection = *message.GetReflection();
  const pb::UnknownFieldSet& unknown = reflection.GetUnknownFields(message);
  if (!unknown.empty()) unknown.SerializeToString(&(*out)[path]);
  std::vector<const pb::FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const pb::FieldDescriptor* field : fields) {
    if (field->is_repeated() || field->message_type() == nullptr) continue;
    Collect(reflection.GetMessage(message, field),
            path.empty() ? field->name() : path + "." + field->name(), out);
  }
}

}  // namespace

UnknownFields TakeUnknownFields(const pb::Message& message) {
  UnknownFields out;
  Collect(message, "", &out);
  return out;
}

bool AddUnknownFields(const std::string& path, const std::string& bytes, pb::Message* message) {
  size_t begin = 0;
  while (begin < path.size()) {
    const size_t end = std::min(path.find('.', begin), path.size());
    const pb::FieldDescriptor* field =
        message->GetDescriptor()->FindFieldByName(path.substr(begin, end - begin));
    if (field == nullptr || field->is_repeated() || field->message_type() == nullptr) return false;
    const pb::Reflection& reflection = *message->GetReflection();
    if (!reflection.HasField(*message, field)) return false;
    message = reflection.MutableMessage(message, field);
    begin = end + 1;
  }
  pb::UnknownFieldSet unknown;
  if (!unknown.ParseFromString(bytes)) return false;
  message->GetReflection()->MutableUnknownFields(message)->MergeFrom(unknown);
  return true;
}

}  // namespace belfry
