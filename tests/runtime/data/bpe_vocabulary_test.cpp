// Against Hugging Face's tokenizers: tests/reference/make_bpe_cases.py.
#include "runtime/data/bpe_vocabulary.hpp"

#include <string>
#include <vector>

#include "lib/base/error.hpp"
#include "lib/files/atomic_file.hpp"
#include "lib/files/json.hpp"
#include "runtime/data/text.hpp"
#include "runtime/data/word_splitter.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/source_dir.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace mp;
using namespace mp::runtime;

namespace {

std::string reference() { return mp::test::source_dir() + "/tests/reference/"; }

std::string decoded(const Vocabulary& vocabulary, const std::vector<std::int64_t>& tokens) {
  std::string text;
  for (const std::int64_t token : tokens) text += vocabulary.decode(token);
  return text;
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  WordSplitter().split(text, [&](std::string_view word) { words.emplace_back(word); });
  return words;
}

// The committed files with one line of each changed.
std::string message_of(const std::string& from, const std::string& to, const std::string& file) {
  const mp::test::TemporaryFolder folder;
  for (const char* name : {"vocab.json", "merges.txt"}) {
    std::string content = read_file(reference() + "vocabulary/" + name);
    if (file == name) content.replace(content.find(from), from.size(), to);
    folder.write(name, content);
  }
  try {
    static_cast<void>(open_bpe_vocabulary(folder.path("")));
  } catch (const InputError& error) {
    const std::string message = error.what();
    return message.substr(message.find(file) + file.size());
  }
  return "no error";
}

}  // namespace

TEST_CASE("texts of all kinds are encoded as another program does, and come back", "[bpe]") {
  const std::unique_ptr<Vocabulary> vocabulary = open_bpe_vocabulary(reference() + "vocabulary");
  CHECK(vocabulary->size() == 700);
  CHECK(vocabulary->end_of_text() == 0);
  JsonDocument document(read_file(reference() + "bpe.json"), "bpe.json");
  const std::vector<JsonValue> cases = document.root().items();
  CHECK(cases.size() == 80);
  for (const JsonValue item : cases) {
    const JsonObject fields = item.object({"text", "tokens"});
    const std::string text = fields["text"].string();
    CAPTURE(text);
    const std::vector<std::int64_t> tokens = vocabulary->encode(text);
    CHECK(tokens == fields["tokens"].integers());
    CHECK(decoded(*vocabulary, tokens) == text);
  }
  document.finish();
}

TEST_CASE("bytes that are no text come back, too", "[bpe]") {
  const std::unique_ptr<Vocabulary> vocabulary = open_bpe_vocabulary(reference() + "vocabulary");
  std::string all;
  for (int i = 0; i < 3 * 256; ++i) all += static_cast<char>(i * 89);
  for (const std::string& text :
       {all, std::string("the \xFFthe"), std::string("\xC3"), std::string("\xED\xA0\x80 the"),
        std::string("\xF4\x90\x80\x80"), std::string("a\xC0\x80"), std::string(20'000, 'a')}) {
    CHECK(decoded(*vocabulary, vocabulary->encode(text)) == text);
  }
  CHECK(words_of("the \xFF\xFEthe it's  2x\n") ==
        std::vector<std::string>{"the", " ", "\xFF\xFE", "the", " it", "'s", " ", " 2", "x", "\n"});
}

TEST_CASE("vocabulary files that do not belong together are refused", "[bpe]") {
  CHECK(message_of("Ġ t\n", "Ġ t\n", "merges.txt") == "no error");
  CHECK(message_of("Ġ t\n", "Ġt\n", "merges.txt") == ": line 3: is no pair of tokens with a space between them");
  CHECK(message_of("Ġ t\n", "Ġ t x\n", "merges.txt") == ": line 3: is no pair of tokens with a space between them");
  CHECK(message_of("Ġ t\n", "Ġ ☃\n", "merges.txt") == ": line 3: the vocabulary has no token '☃'");
  CHECK(message_of("Ġ t\n", "q q\n", "merges.txt") ==
        ": line 3: merges two tokens into one that the vocabulary does not have: 'q q'");
  CHECK(message_of("Ġ t\n", "Ġ Ġ\n", "merges.txt") == ": line 3: the pair 'Ġ Ġ' was merged before");
  CHECK(message_of("\"a\":", "\"§§§\":", "vocab.json") ==
        ": has no token for the byte 97: it is no byte-level vocabulary");
  CHECK(message_of(":699", ":700", "vocab.json").find("/ON: ") != std::string::npos);
  CHECK(message_of(":699", ":5", "vocab.json") == ": /ON: token 5 has another name already");
  CHECK_THROWS_AS(open_bpe_vocabulary("/nowhere"), InputError);
}

TEST_CASE("text files become tokens, each with its end", "[bpe]") {
  const std::unique_ptr<Vocabulary> vocabulary = open_bpe_vocabulary(reference() + "vocabulary");
  const mp::test::TemporaryFolder folder;
  const Text text = open_text({folder.write("a", "the licence"), folder.write("b", "the")},
                              {.hold_out = HoldOut::kNothing, .vocabulary = vocabulary.get()});
  std::vector<std::int64_t> wanted = vocabulary->encode("the licence");
  wanted.push_back(0);
  for (const std::int64_t token : vocabulary->encode("the")) wanted.push_back(token);
  wanted.push_back(0);
  std::vector<std::int64_t> tokens(static_cast<std::size_t>(text.training.size()));
  text.training.copy(0, tokens);
  CHECK(tokens == wanted);
}
