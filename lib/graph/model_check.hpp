// Checks of single parts of a Model that need nothing else of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/graph/issue_list.hpp"
#include "lib/graph/model.hpp"

namespace mp {

// Initializer finite and in order; trained parameters are float32.
void check_parameter(const ModelParameter& parameter, const std::string& place, IssueList& issues);

// ModelInput::data is one of the sources the trainer knows; "copy:" names another input.
void check_data_sources(const Model& model, IssueList& issues);

// "these nodes wait for each other: a → b → a".
[[nodiscard]] std::string describe_cycle(const Model& model, const std::vector<std::int32_t>& cycle);

}  // namespace mp
