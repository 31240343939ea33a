// Extents of a model's dimensions: the file's defaults overridden by bindings.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "lib/graph/issue_list.hpp"
#include "lib/graph/model.hpp"

namespace mp {

class DimensionBinder {
 public:
  // Adds issues for extents below 1 and for bindings to dimensions the model does not have.
  DimensionBinder(const Model& model, const Bindings& bindings, IssueList& issues);

  // Appends the extents of `dimensions` to `shape`; false, with an issue, where one has none. An unbound name is
  // reported at its first use.
  [[nodiscard]] bool resolve(const std::vector<Dimension>& dimensions, const std::string& place, Shape& shape);

 private:
  [[nodiscard]] bool resolve_name(const std::string& name, const std::string& place, Shape& shape);

  Bindings extents_;
  std::set<std::string, std::less<>> reported_;
  IssueList& issues_;
};

}  // namespace mp
