#include "client/sidecar/grpc_errors.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>

#include <map>
#include <string>

namespace belfry::sidecar {
namespace {

// google.rpc.Status and ErrorInfo are written field by field: a program that links the generated
// classes of both ours and its own googleapis would abort at its start.

using google::protobuf::internal::WireFormatLite;

// A field of type string, bytes or message.
std::string BytesField(int number, std::string_view bytes) {
  std::string out;
  google::protobuf::io::StringOutputStream stream(&out);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.WriteTag(WireFormatLite::MakeTag(number, WireFormatLite::WIRETYPE_LENGTH_DELIMITED));
  coded.WriteVarint32(static_cast<std::uint32_t>(bytes.size()));
  coded.WriteRaw(bytes.data(), static_cast<int>(bytes.size()));
  coded.Trim();
  return out;
}

std::string IntField(int number, int value) {
  std::string out;
  google::protobuf::io::StringOutputStream stream(&out);
  google::protobuf::io::CodedOutputStream coded(&stream);
  WireFormatLite::WriteInt32(number, value, &coded);
  coded.Trim();
  return out;
}

// ErrorInfo { string reason = 1; string domain = 2; map<string, string> metadata = 3; }
google::protobuf::Any ErrorInfo(std::string_view reason,
                                const std::map<std::string, std::string>& metadata) {
  std::string bytes = BytesField(1, reason) + BytesField(2, "dapr.io");
  for (const auto& [key, value] : metadata) {
    bytes += BytesField(3, BytesField(1, key) + BytesField(2, value));
  }
  google::protobuf::Any any;
  any.set_type_url("type.googleapis.com/google.rpc.ErrorInfo");
  any.set_value(bytes);
  return any;
}

// Status { int32 code = 1; string message = 2; repeated Any details = 3; }
grpc::Status WithDetail(grpc::StatusCode code, const std::string& message,
                        const google::protobuf::Any& detail) {
  const std::string details =
      IntField(1, code) + BytesField(2, message) + BytesField(3, detail.SerializeAsString());
  return grpc::Status(code, message, details);
}

}  // namespace

grpc::Status ToGrpcStatus(const ApiError& error) {
  // Both enumerations have the numbers of the protocol.
  return WithDetail(static_cast<grpc::StatusCode>(error.grpc_code), error.message,
                    ErrorInfo(error.reason, error.metadata));
}

grpc::Status UnauthorizedStatus(std::string_view reason) {
  return WithDetail(grpc::StatusCode::UNAUTHENTICATED, "Unauthorized",
                    ErrorInfo("Unauthorized",
                              {{"http.code", "401"}, {"http.error_message", std::string(reason)}}));
}

}  // namespace belfry::sidecar
