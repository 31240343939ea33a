// Catch2 2 or 3, whichever the system has.
#pragma once

#include "tests/support/source_dir.hpp"

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Approx;
#else
#include <catch2/catch.hpp>
#endif
