#include "scheduler/schedule/text.h"

#include <catch2/catch.hpp>

namespace belfry {
namespace {

using Parts = std::vector<std::string_view>;

TEST_CASE("text: UTF-8") {
  CHECK(IsValidUtf8(""));
  CHECK(IsValidUtf8("a\u00e9\u20ac\U0001f514"));
  CHECK(IsValidUtf8(std::string_view("\0", 1)));
  CHECK(IsValidUtf8("\xf4\x8f\xbf\xbf"));
  for (const char* text : {"\x80", "\xff", "\xc3", "\xc3(", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\xaf",
                           "\xe2\x82", "\xed\xa0\x80", "\xf0\x80\x80\xaf", "\xf0\x9f\x94",
                           "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "ab\xe2"}) {
    CHECK(!IsValidUtf8(text));
  }
}

TEST_CASE("text: white space") {
  CHECK(SplitAtSpace("") == Parts{});
  CHECK(SplitAtSpace(" \t\n") == Parts{});
  CHECK(SplitAtSpace("  a\u00a0 b\u2003c\u2028") == Parts{"a", "b", "c"});
  CHECK(SplitAtSpace("\u0085\u1680\u202f\u205f\u3000x\v\f\r") == Parts{"x"});
  CHECK(SplitAtSpace("a\xc2\xa9 \xa0") == Parts{"a\xc2\xa9", "\xa0"});
  CHECK(TrimSpace(" \u3000a b\u00a0\n") == "a b");
  CHECK(TrimSpace(" \t ") == "");
  CHECK(TrimSpace("\xff ") == "\xff");
  CHECK(FindSpace("ab\u00a0c") == 2);
  CHECK(FindSpace("abc") == std::string_view::npos);
}

TEST_CASE("text: splitting keeps empty parts") {
  CHECK(SplitAt("", ',') == Parts{""});
  CHECK(SplitAt(",a,,b,", ',') == Parts{"", "a", "", "b", ""});
}

TEST_CASE("text: quoting keeps messages on one line, readable and short") {
  CHECK(Quote("plain \u00e9") == "\"plain \u00e9\"");
  CHECK(Quote("a\"b\\c") == "\"a\\\"b\\\\c\"");
  CHECK(Quote(std::string_view("\n\t\r\0\x1b\x7f\xff", 7)) == "\"\\n\\t\\r\\x00\\x1b\\x7f\\xff\"");
  CHECK(Printable("a\"b\\c\n") == "a\"b\\c\\n");
  const std::string limit(kMaxQuotedBytes, 'x');
  CHECK(Quote(limit) == '"' + limit + '"');
  CHECK(Quote(limit + "y") == '"' + limit + "...\"");
  // Never cuts a character in two.
  const std::string wide = std::string(kMaxQuotedBytes - 1, 'x') + "\u20ac\u20ac";
  CHECK(IsValidUtf8(Quote(wide)));
}

}  // namespace
}  // namespace belfry
