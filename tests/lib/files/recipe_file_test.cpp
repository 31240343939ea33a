#include "lib/files/recipe_file.hpp"

#include <string>
#include <utility>

#include "lib/base/error.hpp"
#include "lib/files/atomic_file.hpp"
#include "lib/files/fields.hpp"
#include "lib/files/json_writer.hpp"
#include "lib/files/paths.hpp"
#include "tests/lib/support/errors.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_folder.hpp"

using mp::test::message_of;

namespace {

mp::Recipe parse(const std::string& fields) {
  std::string text = R"({"format": "mp.recipe/1")";
  text.append(fields).append("}");
  return mp::parse_recipe(text, "f");
}

std::string error_of(const std::string& fields) {
  return message_of<mp::InputError>([&] { static_cast<void>(parse(fields)); });
}

}  // namespace

TEST_CASE("a recipe may say nothing or everything", "[files]") {
  CHECK(parse("") == mp::Recipe{});
  mp::Recipe all;
  all.description = "d";
  all.steps = 10;
  all.optimizer = mp::Optimizer{.kind = mp::OptimizerKind::kSgd, .momentum = 0.9, .weight_decay = 0.0};
  all.learning_rate = 0.5;
  all.learning_rate_schedule = {.shape = mp::LearningRateShape::kCosine, .warmup_steps = 3, .final_fraction = 0.1};
  all.seed = 7;
  all.microbatches = 2;
  all.bindings = {{"batch", 4}};
  all.data.text = {"a", "b/"};
  all.data.images = "i.npy";
  all.data.labels = "l.npy";
  all.data.fill = {{"x", "normal"}};
  all.metrics = "m.jsonl";
  all.weights = "w.safetensors";
  all.validation.every_steps = 5;
  all.validation.patience = 2;
  all.validation.data.images = "v.npy";
  all.tensorboard = "board";
  all.best_weights = "b.safetensors";
  CHECK(parse(R"(, "description": "d", "steps": 10, "optimizer": {"kind": "sgd", "momentum": 0.9},
    "learning_rate": 0.5, "learning_rate_schedule": {"shape": "cosine", "warmup_steps": 3, "final_fraction": 0.1},
    "seed": 7, "microbatches": 2, "bindings": {"batch": 4},
    "data": {"text": ["a", "b/"], "images": "i.npy", "labels": "l.npy", "fill": {"x": "normal"}},
    "validation": {"every_steps": 5, "patience": 2, "data": {"images": "v.npy"}}, "tensorboard": "board",
    "metrics": "m.jsonl", "weights": "w.safetensors", "best_weights": "b.safetensors")") == all);
}

TEST_CASE("token files are instead of text", "[files]") {
  const mp::DataSources data = parse(R"(, "data": {"token_files": ["a.bin", "b"], "token_type": "uint32"})").data;
  CHECK(data.token_files == std::vector<std::string>{"a.bin", "b"});
  CHECK(data.token_type == mp::TokenType::kUint32);
  CHECK(error_of(R"(, "data": {"text": "a", "token_files": "b", "token_type": "int8"})") ==
        "f: /data/token_files: is instead of text: give one of them\n"
        "f: /data/token_type: unknown token type 'int8'; known: uint16, uint32");
}

TEST_CASE("tables, vocabularies and pictures in a recipe", "[files]") {
  const mp::DataSources data =
      parse(R"(, "data": {"vocabulary": "gpt2", "image_mean": 0.5, "image_std": [0.1, 0.2, 0.3],
    "csv": {"path": "t.csv", "header": false, "label": "4", "separator": ";"}})")
          .data;
  CHECK(data.vocabulary == "gpt2");
  CHECK(data.image_mean == std::vector<double>{0.5});
  CHECK(data.image_std == std::vector<double>{0.1, 0.2, 0.3});
  CHECK(data.csv == mp::CsvSource{.path = "t.csv", .has_header = false, .label = "4", .separator = ';'});
  CHECK(parse(R"(, "data": {"csv": "t.csv"})").data.csv == mp::CsvSource{.path = "t.csv"});
  CHECK(error_of(R"(, "data": {"image_std": 0, "csv": {"separator": "ab"}})") ==
        "f: /data/image_std: must be more than 0\n"
        "f: /data/csv: \"path\" is missing\n"
        "f: /data/csv/separator: must be one character");
}

TEST_CASE("a recipe's optimizer may clip and have groups", "[files]") {
  mp::Optimizer optimizer{.kind = mp::OptimizerKind::kAdamW, .weight_decay = 0.1};
  optimizer.clip_norm = 1.5;
  optimizer.groups = {{.patterns = {"*.bias"}, .weight_decay = 0.0},
                      {.patterns = {"a*", "b"}, .weight_decay = {}, .learning_rate_factor = 0.5}};
  const mp::Recipe recipe = parse(R"(, "optimizer": {"kind": "adamw", "weight_decay": 0.1, "clip_norm": 1.5,
    "groups": [{"parameters": "*.bias", "weight_decay": 0},
               {"parameters": ["a*", "b"], "learning_rate_factor": 0.5}]})");
  CHECK(recipe.optimizer == optimizer);
  mp::JsonWriter writer;
  writer.begin_object().member("format", "mp.recipe/1").key("optimizer");
  write_optimizer(writer, optimizer);
  writer.end();
  CHECK(mp::parse_recipe(std::move(writer).take(), "f").optimizer == optimizer);
  CHECK(error_of(R"(, "optimizer": {"kind": "sgd", "clip_norm": 0, "groups": [{"weight_decay": -1}]})") ==
        "f: /optimizer/clip_norm: must be more than 0\n"
        "f: /optimizer/groups/0: \"parameters\" is missing\n"
        "f: /optimizer/groups/0/weight_decay: -1 is too small: 0 or more is expected");
}

TEST_CASE("paths of data are relative to the recipe", "[files]") {
  const mp::test::TemporaryFolder folder;
  mp::write_file_atomically(folder.path("r.json"), R"({"format": "mp.recipe/1", "metrics": "m.jsonl",
    "data": {"text": "texts/a.txt", "images": "/data/i.npy", "labels": "../l.npy"}})");
  const mp::Recipe recipe = mp::read_recipe(folder.path("r.json"));
  CHECK(recipe.data.text == std::vector<std::string>{folder.path("texts/a.txt")});
  CHECK(recipe.data.images == "/data/i.npy");
  CHECK(recipe.data.labels == mp::path_from_file(folder.path(), "l.npy"));
  CHECK(recipe.metrics == "m.jsonl");
}

TEST_CASE("every mistake in a recipe file has a message", "[files]") {
  CHECK(error_of(R"(, "steps": 0, "learning_rate": -1)") ==
        "f: /steps: 0 is too small: 1 or more is expected\n"
        "f: /learning_rate: -1 is too small: 0 or more is expected");
  CHECK(error_of(R"(, "learning_rate_schedule": {"shape": "cosin", "final_fraction": 2})") ==
        "f: /learning_rate_schedule/shape: unknown shape 'cosin'; did you mean 'cosine'?; known: constant, linear, "
        "cosine, "
        "step\n"
        "f: /learning_rate_schedule/final_fraction: belongs to the shapes linear and cosine; constant stays as it is\n"
        "f: /learning_rate_schedule/final_fraction: must be at most 1");
  CHECK(error_of(R"(, "learning_rate_schedule": {"shape": "step", "factor": 2, "final_fraction": 0.5})") ==
        "f: /learning_rate_schedule/final_fraction: belongs to the shapes linear and cosine; step has every_steps and "
        "factor\n"
        "f: /learning_rate_schedule: \"every_steps\" is missing\n"
        "f: /learning_rate_schedule/factor: must be at most 1");
  CHECK(error_of(R"(, "learning_rate_schedule": {"shape": "linear", "every_steps": 3})") ==
        "f: /learning_rate_schedule/every_steps: belongs to the shape step");
  CHECK(error_of(R"(, "data": {"text": [""], "image": "x"})") ==
        "f: /data/image: unknown key 'image'; did you mean 'images'?; known: text, vocabulary, token_files, "
        "token_type, images, labels, image_mean, image_std, csv, fill\n"
        "f: /data/text/0: must not be empty");
}

TEST_CASE("paths in a file lead to the same place from anywhere", "[files]") {
  CHECK(mp::path_from_file("plans/p.json", "../models/m.json") == "models/m.json");
  CHECK(mp::path_from_file("p.json", "m.json") == "m.json");
  CHECK(mp::path_from_file("plans/p.json", "/m.json") == "/m.json");
  CHECK(mp::path_for_file("plans/p.json", "models/m.json") == "../models/m.json");
  CHECK(mp::path_for_file("p.json", "m.json") == "m.json");
  CHECK(mp::path_for_file("/tmp/p.json", "/m.json") == "/m.json");
}
