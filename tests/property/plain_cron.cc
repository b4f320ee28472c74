#include "tests/property/plain_cron.h"

#include <cctype>

namespace belfry {
namespace {

constexpr const char* kMonths[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                   "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr const char* kWeekdays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

bool Has(const PlainField& field, int value) { return field.values[static_cast<size_t>(value)]; }

void AppendElement(const std::string& text, PlainField* field) {
  if (!field->text.empty()) field->text += ',';
  field->text += text;
}

}  // namespace

std::string PlainCron::Text(const std::string& zone) const {
  return (zone.empty() ? "" : "TZ=" + zone + " ") + second.text + " " + minute.text + " " +
         hour.text + " " + day.text + " " + month.text + " " + weekday.text;
}

bool PlainCron::MatchesDay(int64_t year, int month_number, int day_number) const {
  if (!Has(month, month_number)) return false;
  const bool by_date = Has(day, day_number);
  const bool by_weekday = Has(weekday, WeekdayOf(year, month_number, day_number));
  return day.star || weekday.star ? by_date && by_weekday : by_date || by_weekday;
}

bool PlainCron::Matches(const LocalTime& local, int weekday_number) const {
  if (!Has(second, local.second) || !Has(minute, local.minute) || !Has(hour, local.hour) ||
      !Has(month, local.month)) {
    return false;
  }
  const bool by_date = Has(day, local.day);
  const bool by_weekday = Has(weekday, weekday_number);
  return day.star || weekday.star ? by_date && by_weekday : by_date || by_weekday;
}

PlainCron OnceAYear(const LocalTime& local) {
  const auto one = [](int value) {
    PlainField field{.text = std::to_string(value), .values = {}};
    field.values.set(static_cast<size_t>(value));
    return field;
  };
  PlainField any{.text = "*", .values = {}, .star = true};
  any.values.set();
  return {one(local.second), one(local.minute), one(local.hour),
          one(local.day),    one(local.month),  any};
}

int CronMaker::AnyValue(const Kind& kind) {
  return static_cast<int>(random_.Between(kind.min, kind.max));
}

std::string CronMaker::ValueText(const Kind& kind, int value) {
  if ((kind.is_month || (kind.is_weekday && value < 7)) && random_.OneIn(3)) {
    std::string name = kind.is_month ? kMonths[value - 1] : kWeekdays[value];
    for (char& c : name) {
      if (random_.OneIn(2)) c = static_cast<char>(std::toupper(c));
    }
    return name;
  }
  std::string text = std::to_string(value);
  if (random_.OneIn(8)) text.insert(0, "0");
  if (random_.OneIn(16)) text.insert(0, "+");
  return text;
}

PlainField CronMaker::Star() {
  PlainField field{.text = random_.OneIn(4) ? "?" : "*", .values = {}, .star = true};
  field.values.set();
  return field;
}

PlainField CronMaker::Empty() {
  return {.text = std::string(static_cast<size_t>(random_.Between(1, 3)), ','), .values = {}};
}

PlainField CronMaker::Single(const Kind& kind, int value) {
  PlainField field{.text = ValueText(kind, value), .values = {}};
  field.values.set(static_cast<size_t>(value));
  if (random_.OneIn(8)) field.text += "-" + ValueText(kind, value);
  return field;
}

void CronMaker::AddStepped(const Kind& kind, int low, int high, int64_t step, PlainField* field) {
  for (int64_t value = low; value <= high; value += step) {
    // Sunday has two numbers.
    field->values.set(static_cast<size_t>(kind.is_weekday && value == 7 ? 0 : value));
  }
}

void CronMaker::AddElement(const Kind& kind, PlainField* field) {
  // Ranges and single values may end in the second number of Sunday.
  const int top = kind.is_weekday ? 7 : kind.max;
  const int low = static_cast<int>(random_.Between(kind.min, top));
  const int high = static_cast<int>(random_.Between(low, top));
  const int64_t step = random_.OneIn(8) ? 1 : random_.Between(1, kind.max + 2);
  const std::string step_text = "/" + std::to_string(step);
  const std::string star = random_.OneIn(3) ? "?" : "*";
  switch (random_.Below(8)) {
    case 0:
      AppendElement(star, field);
      AddStepped(kind, kind.min, kind.max, 1, field);
      field->star = true;
      return;
    case 1: {
      const bool ignored_end = random_.OneIn(4);
      AppendElement(star + (ignored_end ? "-" + ValueText(kind, high) : "") + step_text, field);
      AddStepped(kind, kind.min, kind.max, step, field);
      field->star = field->star || step == 1;
      return;
    }
    case 2:
      AppendElement(ValueText(kind, low) + step_text, field);
      AddStepped(kind, low, low == 7 && kind.is_weekday ? 7 : kind.max, step, field);
      return;
    case 3:
      AppendElement(ValueText(kind, low) + "-" + ValueText(kind, high), field);
      AddStepped(kind, low, high, 1, field);
      return;
    case 4:
      AppendElement(ValueText(kind, low) + "-" + ValueText(kind, high) + step_text, field);
      AddStepped(kind, low, high, step, field);
      return;
    default:
      AppendElement(ValueText(kind, low), field);
      AddStepped(kind, low, low, 1, field);
  }
}

PlainField CronMaker::Field(const Kind& kind) {
  PlainField field;
  if (random_.OneIn(3)) return Star();
  const uint64_t elements = random_.OneIn(2) ? 1 : 1 + random_.Below(4);
  for (uint64_t i = 0; i < elements; ++i) AddElement(kind, &field);
  if (random_.OneIn(8)) field.text += ",";
  if (random_.OneIn(8)) field.text.insert(0, ",");
  return field;
}

PlainField CronMaker::NearField(const Kind& kind, int value) {
  const uint64_t choice = random_.Below(8);
  if (choice < 3) return Star();
  if (choice < 6) return Single(kind, value);
  PlainField field = Field(kind);
  if (choice == 6) {
    AppendElement(ValueText(kind, value), &field);
    field.values.set(static_cast<size_t>(value));
  }
  return field;
}

PlainCron CronMaker::Any() {
  return {Field(kSixty), Field(kSixty), Field(kHour), Field(kDay), Field(kMonth), Field(kWeekday)};
}

PlainCron CronMaker::Near(const LocalTime& local, bool seconds) {
  const int weekday = WeekdayOf(local.year, local.month, local.day);
  PlainCron cron{
      seconds ? NearField(kSixty, local.second) : Single(kSixty, local.second),
      NearField(kSixty, local.minute),
      NearField(kHour, local.hour),
      NearField(kDay, local.day),
      random_.OneIn(2) ? Star() : NearField(kMonth, local.month),
      NearField(kWeekday, weekday),
  };
  // Every minute says little about where a search goes wrong, and costs the most.
  if (cron.minute.star && cron.hour.star) cron.minute = Single(kSixty, local.minute);
  return cron;
}

PlainCron CronMaker::SparseQuarters() {
  PlainField minute;
  const uint64_t count = 1 + random_.Below(2);
  for (uint64_t i = 0; i < count; ++i) {
    const int value = static_cast<int>(15 * random_.Below(4));
    AppendElement(ValueText(kSixty, value), &minute);
    minute.values.set(static_cast<size_t>(value));
  }
  return {Single(kSixty, 0),
          minute,
          random_.OneIn(3) ? Field(kHour) : Single(kHour, AnyValue(kHour)),
          random_.OneIn(3) ? Single(kDay, static_cast<int>(random_.Between(28, 31))) : Field(kDay),
          random_.OneIn(2) ? Field(kMonth) : Single(kMonth, AnyValue(kMonth)),
          Field(kWeekday)};
}

PlainCron CronMaker::Doubtful() {
  PlainCron cron = Any();
  if (random_.OneIn(2)) cron.day = Single(kDay, static_cast<int>(random_.Between(28, 31)));
  if (random_.OneIn(2)) cron.month = Single(kMonth, AnyValue(kMonth));
  if (random_.OneIn(2)) cron.weekday = Star();
  PlainField* const fields[] = {&cron.second, &cron.minute, &cron.hour,
                                &cron.day,    &cron.month,  &cron.weekday};
  if (random_.OneIn(3)) *fields[random_.Below(6)] = Empty();
  if (random_.OneIn(6)) *fields[random_.Below(6)] = Empty();
  return cron;
}

}  // namespace belfry
