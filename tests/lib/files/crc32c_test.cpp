#include "lib/files/crc32c.hpp"

#include <string>

#include "tests/support/catch.hpp"

TEST_CASE("CRC-32C of the examples of RFC 3720, appendix B.4", "[files]") {
  CHECK(mp::crc32c(std::string(32, '\0')) == 0x8a9136aaU);
  CHECK(mp::crc32c(std::string(32, '\xff')) == 0x62a8ab43U);
  std::string rising;
  for (char c = 0; c < 32; ++c) rising += c;
  CHECK(mp::crc32c(rising) == 0x46dd794eU);
  CHECK(mp::crc32c("123456789") == 0xe3069283U);
  CHECK(mp::crc32c("") == 0U);
}
