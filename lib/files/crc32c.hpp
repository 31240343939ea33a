// CRC-32C (Castagnoli), the checksum of TFRecord files.
#pragma once

#include <cstdint>
#include <string_view>

namespace mp {

// Polynomial 0x1EDC6F41, reflected, as in RFC 3720 (iSCSI), section 12.1.
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes);

}  // namespace mp
