// mpplan generate llama, bert, lstm: models of text.
#include "apps/mpplan/generate_kind.hpp"
#include "models/builders/encoders.hpp"
#include "models/builders/llama.hpp"
#include "models/builders/recurrent.hpp"

namespace mp::apps {
namespace {

void add_llama(CLI::App& parent, Action& action) {
  const auto [command, kind] =
      add_kind(parent, action, "llama", "Decoder-only transformer in the manner of LLaMA", models::build_llama);
  models::LlamaOptions& o = kind->options;
  add_transformer_flags(*command, o, ", of even size", "8/3 x hidden");
  command->add_option("--key-value-heads", o.key_value_heads, "Heads of keys and values; they divide the heads")
      ->type_name("N");
}

void add_bert(CLI::App& parent, Action& action) {
  const auto [command, kind] =
      add_kind(parent, action, "bert", "Transformer encoder in the manner of BERT", models::build_bert);
  models::BertOptions& o = kind->options;
  add_transformer_flags(*command, o, "; they divide the width", "4 x hidden");
  command->add_option("--hidden-share", o.hidden_share, "Share of the tokens hidden")->type_name("P");
}

void add_lstm(CLI::App& parent, Action& action) {
  const auto [command, kind] = add_kind(parent, action, "lstm", "Recurrent language model", models::build_lstm);
  models::LstmOptions& o = kind->options;
  command->add_option("--layers", o.layers, "LSTM layers")->type_name("N");
  command->add_option("--hidden", o.hidden, "Width of the layers and the embedding")->type_name("N");
  command->add_option("--vocabulary", o.vocabulary, "Tokens; 256: bytes")->type_name("N");
  command->add_option("--context", o.context, "Tokens a sequence")->type_name("N");
  command->add_option("--dropout", o.dropout, "Share dropped between the layers")->type_name("P");
}

}  // namespace

void add_generate_sequences(CLI::App& parent, Action& action) {
  add_llama(parent, action);
  add_bert(parent, action);
  add_lstm(parent, action);
}

}  // namespace mp::apps
