#include "apps/common/command_line.hpp"

#include <CLI/CLI.hpp>
#include <optional>
#include <utility>

namespace mp::apps::CLI {
namespace {

template <class Number>
Validator range(Number least, Number most) {
  return Validator(std::make_shared<::CLI::Range>(least, most));
}

}  // namespace

Validator::Validator(std::function<std::string(const std::string&)> complaint, const std::string& description)
    : validator_(std::make_shared<::CLI::Validator>(std::move(complaint), description)) {}
Validator::Validator(std::shared_ptr<const ::CLI::Validator> validator) : validator_(std::move(validator)) {}

Validator Range(int least, int most) { return range(least, most); }
Validator Range(std::int64_t least, std::int64_t most) { return range(least, most); }
Validator Range(std::size_t least, std::size_t most) { return range(least, most); }
Validator Range(double least, double most) { return range(least, most); }
Validator IsMember(std::vector<std::string> values) {
  return Validator(std::make_shared<::CLI::IsMember>(std::move(values)));
}

Option* Option::type_name(const std::string& name) {
  option_.type_name(name);
  return this;
}

Option* Option::required() {
  option_.required();
  return this;
}

Option* Option::check(const Validator& validator) {
  option_.check(validator.real());
  return this;
}

Option* Option::check(Sign sign) {
  option_.check(sign == Sign::kPositive ? ::CLI::PositiveNumber : ::CLI::NonNegativeNumber);
  return this;
}

Option* Option::excludes(Option* other) {
  option_.excludes(&other->option_);
  return this;
}

Option* Option::group(const std::string& name) {
  option_.group(name);
  return this;
}

Option* Option::allow_extra_args(bool are_allowed) {
  option_.allow_extra_args(are_allowed);
  return this;
}

App::App(const std::string& description, const std::string& name)
    : program_(std::make_unique<::CLI::App>(description, name)), app_(*program_) {}
App::App(::CLI::App& command) : app_(command) {}
App::~App() = default;

template <class T>
Option* App::add_option(const std::string& names, T& variable, const std::string& description) {
  options_.push_back(std::make_unique<Option>(*app_.add_option(names, variable, description)));
  return options_.back().get();
}

template Option* App::add_option(const std::string&, std::string&, const std::string&);
template Option* App::add_option(const std::string&, std::int32_t&, const std::string&);
template Option* App::add_option(const std::string&, std::int64_t&, const std::string&);
template Option* App::add_option(const std::string&, std::size_t&, const std::string&);
template Option* App::add_option(const std::string&, double&, const std::string&);
template Option* App::add_option(const std::string&, std::optional<std::string>&, const std::string&);
template Option* App::add_option(const std::string&, std::optional<std::int32_t>&, const std::string&);
template Option* App::add_option(const std::string&, std::optional<std::int64_t>&, const std::string&);
template Option* App::add_option(const std::string&, std::optional<std::size_t>&, const std::string&);
template Option* App::add_option(const std::string&, std::optional<double>&, const std::string&);
template Option* App::add_option(const std::string&, std::vector<std::string>&, const std::string&);
template Option* App::add_option(const std::string&, std::vector<std::int64_t>&, const std::string&);

Option* App::add_flag(const std::string& names, bool& variable, const std::string& description) {
  options_.push_back(std::make_unique<Option>(*app_.add_flag(names, variable, description)));
  return options_.back().get();
}

void App::set_version_flag(const std::string& names, const std::string& version, const std::string& description) {
  app_.set_version_flag(names, version, description);
}

App* App::add_subcommand(const std::string& name, const std::string& description) {
  commands_.push_back(std::make_unique<App>(*app_.add_subcommand(name, description)));
  return commands_.back().get();
}

void App::require_subcommand(int count) { app_.require_subcommand(count); }
void App::show_defaults() { app_.option_defaults()->always_capture_default(); }
void App::prefix_command() { app_.prefix_command(); }
void App::footer(const std::string& text) { app_.footer(text); }
void App::callback(std::function<void()> function) { app_.callback(std::move(function)); }

const std::string& App::get_name() const { return app_.get_name(); }
std::size_t App::count(const std::string& option) const { return app_.count(option); }
std::vector<std::string> App::remaining() const { return app_.remaining(); }
bool App::got_subcommand(const std::string& name) const { return app_.got_subcommand(name); }

}  // namespace mp::apps::CLI
