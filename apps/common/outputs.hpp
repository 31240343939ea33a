// Where results will go.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mp::apps {

inline constexpr std::string_view kStandardOutput = "-";

// Throws RunError where no file can be written at `path`: its folder is not there or may not be written to. For long
// work, before it starts.
void check_writable(const std::string& path);

// The same for all of `outputs`; throws UsageError where one of them is a file of `inputs`, whatever its name there,
// which would be lost, or comes twice.
void check_outputs_apart(const std::vector<std::string>& outputs, const std::vector<std::string>& inputs);

// Throws UsageError for "-": standard output has the results.
void refuse_standard_output(std::string_view flag, const std::string& path);

// To standard output where the path is "-"; else as write_file_atomically.
void write_output(const std::string& path, std::string_view text);

}  // namespace mp::apps
