#include "lib/graph/dimensions.hpp"

#include "lib/base/text.hpp"

namespace mp {
namespace {

std::vector<std::string_view> names_of(const std::set<std::string_view>& names) { return {names.begin(), names.end()}; }

void collect(const std::vector<Dimension>& dimensions, std::set<std::string_view>& names) {
  for (const Dimension& dimension : dimensions) {
    if (!dimension.name.empty()) names.insert(dimension.name);
  }
}

}  // namespace

DimensionBinder::DimensionBinder(const Model& model, const Bindings& bindings, IssueList& issues)
    : extents_(model.dimensions), issues_(issues) {
  std::set<std::string_view> known;
  for (const auto& [name, extent] : model.dimensions) known.insert(name);
  for (const ModelInput& input : model.inputs) collect(input.shape, known);
  for (const ModelParameter& parameter : model.parameters) collect(parameter.shape, known);
  for (const auto& [name, extent] : bindings) {
    if (known.contains(name)) {
      extents_.insert_or_assign(name, extent);
    } else {
      issues_.add("", [&] {
        return "the model has no dimension " + quoted(name) + " to bind" + did_you_mean(name, names_of(known));
      });
    }
  }
  for (const auto& [name, extent] : extents_) {
    if (extent >= 1) continue;
    const bool bound = bindings.contains(name);
    issues_.add(bound ? "" : "/dimensions/" + pointer_part(name), [&, extent = extent] {
      return (bound ? "the binding of " : "") + quoted(name) + " must be 1 or more, not " + std::to_string(extent);
    });
    reported_.insert(name);
  }
}

bool DimensionBinder::resolve(const std::vector<Dimension>& dimensions, const std::string& place, Shape& shape) {
  if (dimensions.size() > kMaxRank) {
    issues_.add(place + "/shape", [&] {
      return "has " + std::to_string(dimensions.size()) + " dimensions; at most " + std::to_string(kMaxRank) +
             " are possible";
    });
    return false;
  }
  bool good = true;
  for (std::size_t i = 0; i < dimensions.size(); ++i) {
    const std::string here = place + "/shape/" + std::to_string(i);
    const Dimension& dimension = dimensions[i];
    if (!dimension.name.empty()) {
      good = resolve_name(dimension.name, here, shape) && good;
    } else if (dimension.extent < 1) {
      issues_.add(here, [&] { return "an extent must be 1 or more, not " + std::to_string(dimension.extent); });
      good = false;
    } else {
      shape.push_back(dimension.extent);
    }
  }
  return good;
}

bool DimensionBinder::resolve_name(const std::string& name, const std::string& place, Shape& shape) {
  if (reported_.contains(name)) return false;
  const auto found = extents_.find(name);
  if (found != extents_.end()) {
    shape.push_back(found->second);
    return true;
  }
  std::vector<std::string_view> known;
  for (const auto& [other, extent] : extents_) known.push_back(other);
  issues_.add(place, [&] {
    return "dimension " + quoted(name) + " has no extent" + did_you_mean(name, known) +
           " (give it one under /dimensions, or bind it: " + name + "=…)";
  });
  reported_.insert(name);
  return false;
}

}  // namespace mp
