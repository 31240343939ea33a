#include "apps/mprun/data_flags.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "lib/base/error.hpp"

namespace mp::apps {
namespace {

TokenType token_type(const std::string& name) {
  const auto type = std::find_if(kTokenTypes.begin(), kTokenTypes.end(), [&](TokenType t) { return name_of(t) == name; });
  if (type != kTokenTypes.end()) return *type;
  throw UsageError(fmt::format("--data token-type={}: uint16 or uint32 is wanted", name));
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
          "text=FILE_OR_FOLDER or token-files=FILE_OR_FOLDER (may be repeated; token-type=uint16|uint32), images=FILE "
          "and labels=FILE (.npy or IDX), or INPUT=KIND with the kinds normal, tokens, next-tokens, images, labels, "
          "copy:INPUT [recipe, else model; text: what every Debian system has]; see docs/data.md")
      ->type_name("NAME=VALUE")
      ->group(group);
}

void apply_data_flags(const std::vector<std::string>& data, DataSources& sources) {
  SourceList lists;
  for (const std::string& item : data) {
    auto [name, value] = split_flag("--data", item, "text=FILE_OR_FOLDER");
    if (name == "text") {
      lists.add(sources.text, std::move(value), sources.token_files);
    } else if (name == "token-files") {
      lists.add(sources.token_files, std::move(value), sources.text);
    } else if (name == "token-type") {
      sources.token_type = token_type(value);
    } else if (name == "images") {
      sources.images = std::move(value);
    } else if (name == "labels") {
      sources.labels = std::move(value);
    } else {
      sources.fill.insert_or_assign(std::move(name), std::move(value));
    }
  }
}

}  // namespace mp::apps
