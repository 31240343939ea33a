#include "lib/files/sha256.hpp"

#include <string>

#include "tests/support/catch.hpp"

// FIPS 180-4 examples (NIST, "Secure Hash Standard: examples with intermediate values").
TEST_CASE("SHA-256 gives the digests of the standard's examples", "[files]") {
  CHECK(mp::sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(mp::sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(mp::sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(mp::sha256(std::string(1'000'000, 'a')) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("SHA-256 does not depend on how the bytes are cut up", "[files]") {
  std::string bytes;
  for (int i = 0; i < 300; ++i) bytes += static_cast<char>(i * 7);
  for (std::size_t cut = 0; cut <= bytes.size(); cut += 13) {
    mp::Sha256 hash;
    hash.update(std::string_view(bytes).substr(0, cut));
    hash.update(std::string_view(bytes).substr(cut));
    CHECK(hash.finish() == mp::sha256(bytes));
  }
}
