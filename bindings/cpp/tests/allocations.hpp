// How many times this thread has allocated by C++; Rust has an allocator of its own.

#ifndef MELU_TESTS_ALLOCATIONS_HPP
#define MELU_TESTS_ALLOCATIONS_HPP

#include <cstddef>

extern thread_local std::size_t allocations;

#endif
