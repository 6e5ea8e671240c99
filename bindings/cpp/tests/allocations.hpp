// How many times C++ has allocated; Rust has an allocator of its own.

#ifndef MELU_TESTS_ALLOCATIONS_HPP
#define MELU_TESTS_ALLOCATIONS_HPP

#include <cstddef>

extern std::size_t allocations;

#endif
