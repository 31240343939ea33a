// The tables of a report, for whatever format it is written in.
#pragma once

#include <string>
#include <vector>

#include "lib/report/report.hpp"

namespace mp {

struct ReportTable {
  std::string title;
  std::string note;                 // a sentence below; may be empty
  std::vector<std::string> header;  // the first column is text, the others are numbers
  std::vector<std::vector<std::string>> rows;
  std::vector<std::size_t> device_of_row;  // for colours; empty where rows are no devices
};

// What the plan is: "gpt-1m over 4 devices".
[[nodiscard]] std::string report_title(const ReportInput& input);

struct Figure {
  std::string name;
  std::string value;
};
[[nodiscard]] std::vector<Figure> report_figures(const ReportInput& input);

[[nodiscard]] ReportTable devices_table(const ReportInput& input);
[[nodiscard]] ReportTable cut_table(const ReportInput& input, std::size_t most_rows);
[[nodiscard]] ReportTable links_table(const ReportInput& input, std::size_t most_rows);
[[nodiscard]] ReportTable alternatives_table(const ReportInput& input);  // no rows: the plan tells of none

}  // namespace mp
