#include "lib/base/error.hpp"

#include <utility>

namespace mp {
namespace {

std::string render(const std::string& source, const std::vector<Issue>& issues) {
  std::string text;
  for (const Issue& issue : issues) {
    if (!text.empty()) text += '\n';
    text += source;
    if (!issue.place.empty()) text += ": " + issue.place;
    text += ": " + issue.message;
  }
  return text;
}

}  // namespace

InputError::InputError(std::string source, std::vector<Issue> issues)
    : Error(render(source, issues)), source_(std::move(source)), issues_(std::move(issues)) {}

InputError::InputError(std::string source, Issue issue)
    : InputError(std::move(source), std::vector<Issue>{std::move(issue)}) {}

}  // namespace mp
