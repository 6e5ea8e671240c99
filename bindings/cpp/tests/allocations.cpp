// In a file of its own, so that no compiler sees through new and delete.

#include "allocations.hpp"

#include <cstdlib>
#include <new>

thread_local std::size_t allocations;

void* operator new(std::size_t size) {
  allocations++;
  if (void* memory = std::malloc(size ? size : 1)) return memory;
  std::abort();
}

void operator delete(void* memory) noexcept { std::free(memory); }

void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
