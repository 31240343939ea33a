// Command lines by CLI11, of which programs see declarations alone: wherever its header is included, it takes seconds
// to compile, nine under sanitizers. Names and meanings are CLI11's (https://cliutils.github.io/CLI11/book/); what is
// not here yet is a line here and a line in command_line.cpp.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
class Validator;
}  // namespace CLI

namespace mp::apps::CLI {

// What the text of a value must be.
class Validator {
 public:
  // `complaint`: of a text, empty where it is good. `description`: what the help says of it.
  Validator(std::function<std::string(const std::string&)> complaint, const std::string& description);
  explicit Validator(std::shared_ptr<const ::CLI::Validator> validator);
  [[nodiscard]] const ::CLI::Validator& real() const { return *validator_; }

 private:
  std::shared_ptr<const ::CLI::Validator> validator_;
};

// Both ends are good values.
[[nodiscard]] Validator Range(int least, int most);
[[nodiscard]] Validator Range(std::int64_t least, std::int64_t most);
[[nodiscard]] Validator Range(std::size_t least, std::size_t most);
[[nodiscard]] Validator Range(double least, double most);
[[nodiscard]] Validator IsMember(std::vector<std::string> values);

enum class Sign { kPositive, kNotNegative };
inline constexpr Sign PositiveNumber = Sign::kPositive;
inline constexpr Sign NonNegativeNumber = Sign::kNotNegative;

class Option {
 public:
  explicit Option(::CLI::Option& option) : option_(option) {}
  Option* type_name(const std::string& name);
  Option* required();
  Option* check(const Validator& validator);
  Option* check(Sign sign);
  Option* excludes(Option* other);
  Option* group(const std::string& name);
  Option* allow_extra_args(bool are_allowed);

 private:
  ::CLI::Option& option_;
};

// A program or one of its commands. Options and commands live as long as the program.
class App {
 public:
  App(const std::string& description, const std::string& name);
  explicit App(::CLI::App& command);
  ~App();
  App(const App&) = delete;
  App& operator=(const App&) = delete;

  // T: the types that command_line.cpp lists. `variable` keeps its value where the flag is not given.
  template <class T>
  Option* add_option(const std::string& names, T& variable, const std::string& description);
  Option* add_flag(const std::string& names, bool& variable, const std::string& description);
  void set_version_flag(const std::string& names, const std::string& version, const std::string& description);
  App* add_subcommand(const std::string& name, const std::string& description);
  void require_subcommand(int count);
  void show_defaults();  // of the options to come, in the help
  void prefix_command();
  void footer(const std::string& text);
  void callback(std::function<void()> function);

  [[nodiscard]] const std::string& get_name() const;
  [[nodiscard]] std::size_t count(const std::string& option) const;
  [[nodiscard]] std::vector<std::string> remaining() const;
  [[nodiscard]] bool got_subcommand(const std::string& name) const;
  [[nodiscard]] ::CLI::App& real() const { return app_; }

 private:
  std::unique_ptr<::CLI::App> program_;  // null: a command, which its parent owns
  ::CLI::App& app_;
  std::vector<std::unique_ptr<Option>> options_;
  std::vector<std::unique_ptr<App>> commands_;
};

}  // namespace mp::apps::CLI
