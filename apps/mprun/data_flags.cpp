#include "apps/mprun/data_flags.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "lib/base/error.hpp"

namespace mp::apps {
namespace {

TokenType token_type(const std::string& name) {
  const auto type =
      std::find_if(kTokenTypes.begin(), kTokenTypes.end(), [&](TokenType t) { return name_of(t) == name; });
  if (type != kTokenTypes.end()) return *type;
  throw UsageError(fmt::format("--data token-type={}: uint16 or uint32 is wanted", name));
}

// "0.5" or "0.485,0.456,0.406".
std::vector<double> numbers(const std::string& name, std::string_view text, bool are_positive) {
  std::vector<double> values;
  for (const char* at = text.data(); at <= text.data() + text.size(); ++at) {
    double value = 0.0;
    const auto [end, error] = std::from_chars(at, text.data() + text.size(), value);
    const bool is_whole = error == std::errc() && (end == text.data() + text.size() || *end == ',');
    if (!is_whole || !std::isfinite(value) || (are_positive && value <= 0.0)) {
      throw UsageError(fmt::format("--data {}={}: {}numbers with commas between them are wanted", name, text,
                                   are_positive ? "positive " : ""));
    }
    values.push_back(value);
    at = end;
  }
  return values;
}

// What has one value.
bool apply_named(const std::string& name, const std::string& value, DataSources& sources) {
  if (name == "token-type") {
    sources.token_type = token_type(value);
  } else if (name == "vocabulary") {
    sources.vocabulary = value;
  } else if (name == "images") {
    sources.images = value;
  } else if (name == "labels") {
    sources.labels = value;
  } else if (name == "image-mean") {
    sources.image_mean = numbers(name, value, false);
  } else if (name == "image-std") {
    sources.image_std = numbers(name, value, true);
  } else {
    return false;
  }
  return true;
}

bool apply_csv(const std::string& name, const std::string& value, DataSources& sources) {
  if (name == "csv") {
    if (!sources.csv) sources.csv.emplace();
    sources.csv->path = value;
    return true;
  }
  if (name != "csv-label" && name != "csv-header" && name != "csv-separator") return false;
  if (!sources.csv) throw UsageError(fmt::format("--data {}={}: comes after --data csv=FILE", name, value));
  if (name == "csv-label") {
    sources.csv->label = value;
  } else if (name == "csv-header") {
    if (value != "yes" && value != "no")
      throw UsageError(fmt::format("--data csv-header={}: yes or no is wanted", value));
    sources.csv->has_header = value == "yes";
  } else {
    if (value.size() != 1) throw UsageError(fmt::format("--data csv-separator={}: one character is wanted", value));
    sources.csv->separator = value.front();
  }
  return true;
}

// The first of its name replaces the recipe's, further ones add to it.
class SourceList {
 public:
  void add(std::vector<std::string>& list, std::string value, std::vector<std::string>& instead_of) {
    if (seen_.contains(&instead_of)) throw UsageError("--data: give text or token-files, not both");
    if (seen_.insert(&list).second) list.clear();
    instead_of.clear();
    list.push_back(std::move(value));
  }

 private:
  std::set<const void*> seen_;
};

}  // namespace

std::pair<std::string, std::string> split_flag(std::string_view flag, const std::string& text,
                                               std::string_view example) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
    throw UsageError(fmt::format("{} '{}': expected NAME=VALUE, as in {} {}", flag, text, flag, example));
  }
  return {text.substr(0, equals), text.substr(equals + 1)};
}

void add_data_flag(CLI::App& command, std::vector<std::string>& data, const std::string& group) {
  command
      .add_option(
          "--data", data,
          "text=FILE_OR_FOLDER (may be repeated; vocabulary=FOLDER of GPT-2's files) or token-files=FILE_OR_FOLDER "
          "(token-type=uint16|uint32), images=FILE_OR_FOLDER (image-mean=X,…, image-std=X,…) and labels=FILE, csv=FILE "
          "(csv-label=COLUMN, csv-header=no, csv-separator=C), or INPUT=KIND with the kinds normal, tokens, "
          "next-tokens, "
          "images, labels, columns:LIST, copy:INPUT [recipe, else model; text: what every Debian system has]; see "
          "docs/data.md")
      ->type_name("NAME=VALUE")
      ->group(group);
}

void apply_data_flags(const std::vector<std::string>& data, DataSources& sources) {
  SourceList lists;
  const auto is_text = [](const std::string& item) { return item.starts_with("text="); };
  if (std::any_of(data.begin(), data.end(), is_text)) sources.token_type.reset();  // the recipe's
  for (const std::string& item : data) {
    auto [name, value] = split_flag("--data", item, "text=FILE_OR_FOLDER");
    if (name == "text") {
      lists.add(sources.text, std::move(value), sources.token_files);
    } else if (name == "token-files") {
      lists.add(sources.token_files, std::move(value), sources.text);
    } else if (!apply_named(name, value, sources) && !apply_csv(name, value, sources)) {
      sources.fill.insert_or_assign(std::move(name), std::move(value));
    }
  }
  if (sources.token_type && sources.token_files.empty()) {
    throw UsageError("--data token-type=… is the type of token-files=…, and there are none");
  }
}

}  // namespace mp::apps
