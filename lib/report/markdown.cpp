#include <fmt/core.h>

#include <iterator>

#include "lib/report/report.hpp"
#include "lib/report/tables.hpp"

namespace mp {
namespace {

constexpr std::size_t kMostRows = 20;

// A name in a table cell: bars end a cell, line breaks a row.
std::string cell(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '|' || c == '\\' || c == '`' || c == '*' || c == '_' || c == '<') result += '\\';
    result += c == '\n' || c == '\r' ? ' ' : c;
  }
  return result;
}

void write_row(std::string& text, const std::vector<std::string>& row) {
  text += '|';
  for (const std::string& value : row) text += " " + cell(value) + " |";
  text += '\n';
}

void write_table(std::string& text, const ReportTable& table) {
  if (table.rows.empty() && table.note.empty()) return;
  fmt::format_to(std::back_inserter(text), "\n## {}\n\n", table.title);
  if (!table.rows.empty()) {
    write_row(text, table.header);
    text += "|---|";
    for (std::size_t i = 1; i < table.header.size(); ++i) text += "---:|";
    text += '\n';
    for (const auto& row : table.rows) write_row(text, row);
  }
  if (!table.note.empty()) fmt::format_to(std::back_inserter(text), "\n{}\n", table.note);
}

}  // namespace

std::string markdown_report(const ReportInput& input) {
  std::string text = fmt::format("# {}\n\n| | |\n|---|---:|\n", cell(report_title(input)));
  for (const Figure& figure : report_figures(input)) write_row(text, {figure.name, figure.value});
  write_table(text, devices_table(input));
  write_table(text, cut_table(input, kMostRows));
  write_table(text, links_table(input, kMostRows));
  write_table(text, alternatives_table(input));
  return text;
}

}  // namespace mp
