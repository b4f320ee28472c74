#include "client/sidecar/white_space.h"

#include <array>
#include <cstddef>

namespace belfry::sidecar {
namespace {

// Every white-space character, as UTF-8.
constexpr std::array<std::string_view, 25> kWhiteSpace = {
    "\t",     "\n",     "\v",     "\f",     "\r",     " ",      "\u0085", "\u00A0", "\u1680",
    "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006", "\u2007", "\u2008",
    "\u2009", "\u200A", "\u2028", "\u2029", "\u202F", "\u205F", "\u3000"};

std::size_t LengthAtStart(std::string_view text) {
  for (const std::string_view space : kWhiteSpace) {
    if (text.starts_with(space)) return space.size();
  }
  return 0;
}

std::size_t LengthAtEnd(std::string_view text) {
  for (const std::string_view space : kWhiteSpace) {
    if (text.ends_with(space)) return space.size();
  }
  return 0;
}

}  // namespace

std::string_view TrimWhiteSpace(std::string_view text) {
  while (const std::size_t n = LengthAtStart(text)) text.remove_prefix(n);
  while (const std::size_t n = LengthAtEnd(text)) text.remove_suffix(n);
  return text;
}

}  // namespace belfry::sidecar
