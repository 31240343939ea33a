// What an action throws, as text.
#pragma once

#include <string>
#include <utility>

namespace mp::test {

// The message of the Error that `action` throws; "(nothing was thrown)" when none is. Other types pass through.
template <class Error, class Action>
[[nodiscard]] std::string message_of(Action&& action) {
  try {
    std::forward<Action>(action)();
  } catch (const Error& error) {
    return error.what();
  }
  return "(nothing was thrown)";
}

}  // namespace mp::test
