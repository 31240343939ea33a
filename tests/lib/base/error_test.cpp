#include "lib/base/error.hpp"

#include <stdexcept>
#include <string>
#include <vector>

#include "lib/base/check.hpp"
#include "tests/support/catch.hpp"

TEST_CASE("an input error names the file, the place and the remedy of every issue", "[base]") {
  const std::vector<mp::Issue> issues = {{"/nodes/0", "unknown operator 'Gem'; did you mean 'Gemm'?"},
                                         {"", "no loss: add \"loss\" with the name of a tensor"}};
  const mp::InputError error("model.json", issues);
  CHECK(std::string(error.what()) ==
        "model.json: /nodes/0: unknown operator 'Gem'; did you mean 'Gemm'?\n"
        "model.json: no loss: add \"loss\" with the name of a tensor");
  CHECK(error.source() == "model.json");
  CHECK(error.issues() == issues);
}

TEST_CASE("a failed internal check names its expression and place", "[base]") {
  CHECK_NOTHROW([] { MP_CHECK(1 + 1 == 2); }());
  try {
    MP_CHECK(1 + 1 == 3);
    FAIL("MP_CHECK let a false condition pass");
  } catch (const std::logic_error& error) {
    const std::string message = error.what();
    CHECK(message.find("1 + 1 == 3") != std::string::npos);
    CHECK(message.find("error_test.cpp:") != std::string::npos);
  }
}
