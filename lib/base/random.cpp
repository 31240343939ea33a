#include "lib/base/random.hpp"

#include <cmath>
#include <cstddef>

#include "lib/base/check.hpp"

namespace mp {
namespace {

constexpr std::uint32_t low(std::uint64_t x) { return static_cast<std::uint32_t>(x & 0xffffffffU); }
constexpr std::uint32_t high(std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32U); }

// FNV-1a (Fowler, Noll, Vo), 64 bits.
std::uint64_t hash(std::string_view text) {
  std::uint64_t h = 0xcbf29ce484222325U;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return h;
}

// The finalizer of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): a bijection in which every input bit counts.
constexpr std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31U);
}

// The upper half of a 128-bit product.
std::uint64_t multiply_high(std::uint64_t a, std::uint64_t b) {
  const std::uint64_t low_low = std::uint64_t{low(a)} * low(b);
  const std::uint64_t high_low = std::uint64_t{high(a)} * low(b) + high(low_low);
  const std::uint64_t low_high = std::uint64_t{low(a)} * high(b) + low(high_low);
  return std::uint64_t{high(a)} * high(b) + high(high_low) + high(low_high);
}

template <std::size_t N>
double polynomial(const std::array<double, N>& highest_first, double x) {
  double sum = 0.0;
  for (const double coefficient : highest_first) sum = sum * x + coefficient;
  return sum;
}

// −ln(x) for 0 < x < 1. Not std::log, whose last bit differs between libraries: x = m·2ᵉ with m about 1, then
// ln m = 2 artanh(s), s = (m − 1)/(m + 1), by its series (|s| < 0.172: twelve terms suffice).
double negative_log(double x) {
  constexpr double kLn2 = 0.693147180559945309417232121458;
  constexpr double kSqrtHalf = 0.70710678118654752440;
  int exponent = 0;
  double m = std::frexp(x, &exponent);
  if (m < kSqrtHalf) {
    m *= 2.0;
    --exponent;
  }
  const double s = (m - 1.0) / (m + 1.0);
  double series = 0.0;
  for (int odd = 23; odd >= 1; odd -= 2) series = series * (s * s) + 1.0 / odd;
  return -(exponent * kLn2 + 2.0 * s * series);
}

double central_quantile(double q) {
  static constexpr std::array<double, 8> kNumerator = {
      2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
      13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.3871328727963666080};
  static constexpr std::array<double, 8> kDenominator = {
      5226.4952788528545610, 28729.085735721942674, 39307.895800092710610, 21213.794301586595867,
      5394.1960214247511077, 687.18700749205790830, 42.313330701600911252, 1.0};
  const double r = 0.180625 - q * q;
  return polynomial(kNumerator, r) * q / polynomial(kDenominator, r);
}

double tail_quantile(double r) {
  static constexpr std::array<double, 8> kNumerator = {
      7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258,
      3.64784832476320460504,    5.76949722146069140550,    4.63033784615654529590,    1.42343711074968357734};
  static constexpr std::array<double, 8> kDenominator = {
      1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
      6.89767334985100004550e-1, 1.67638483018380384940,    2.05319162663775882187,    1.0};
  return polynomial(kNumerator, r - 1.6) / polynomial(kDenominator, r - 1.6);
}

double far_tail_quantile(double r) {
  static constexpr std::array<double, 8> kNumerator = {
      2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.65321895265761230930e-2,
      2.96560571828504891230e-1, 1.78482653991729133580,    5.46378491116411436990,    6.65790464350110377720};
  static constexpr std::array<double, 8> kDenominator = {
      2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4,
      1.48753612908506148525e-2,  1.36929880922735805310e-1, 5.99832206555887937690e-1, 1.0};
  return polynomial(kNumerator, r - 5.0) / polynomial(kDenominator, r - 5.0);
}

}  // namespace

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
  constexpr int kRounds = 10;
  constexpr std::uint64_t kMultiplier0 = 0xd2511f53U;
  constexpr std::uint64_t kMultiplier1 = 0xcd9e8d57U;
  constexpr std::uint32_t kWeyl0 = 0x9e3779b9U;  // golden ratio
  constexpr std::uint32_t kWeyl1 = 0xbb67ae85U;  // √3 − 1
  for (int round = 0; round < kRounds; ++round) {
    const std::uint64_t product0 = kMultiplier0 * counter[0];
    const std::uint64_t product1 = kMultiplier1 * counter[2];
    counter = {high(product1) ^ counter[1] ^ key[0], low(product1), high(product0) ^ counter[3] ^ key[1],
               low(product0)};
    key = {key[0] + kWeyl0, key[1] + kWeyl1};
  }
  return counter;
}

double normal_quantile(double p) {
  MP_CHECK(p > 0.0 && p < 1.0);
  const double q = p - 0.5;
  if (std::fabs(q) <= 0.425) return central_quantile(q);
  const double r = std::sqrt(negative_log(q < 0.0 ? p : 1.0 - p));
  const double x = r <= 5.0 ? tail_quantile(r) : far_tail_quantile(r);
  return q < 0.0 ? -x : x;
}

RandomStream::RandomStream(std::uint64_t seed, std::string_view name, std::uint64_t step) : key_{}, step_(step) {
  const std::uint64_t key = mix(mix(seed) + hash(name));
  key_ = {low(key), high(key)};
}

std::uint64_t RandomStream::bits(std::uint64_t i) const {
  const std::array<std::uint32_t, 4> words = philox({low(i), high(i), low(step_), high(step_)}, key_);
  return std::uint64_t{words[1]} << 32U | words[0];
}

double RandomStream::uniform(std::uint64_t i) const { return static_cast<double>(bits(i) >> 11U) * 0x1p-53; }

// The midpoints of 2⁵² intervals: exact in a double, never 0 or 1.
double RandomStream::normal(std::uint64_t i) const {
  return normal_quantile((static_cast<double>(bits(i) >> 12U) + 0.5) * 0x1p-52);
}

std::uint64_t RandomStream::below(std::uint64_t i, std::uint64_t bound) const {
  MP_CHECK(bound > 0);
  return multiply_high(bits(i), bound);
}

}  // namespace mp
