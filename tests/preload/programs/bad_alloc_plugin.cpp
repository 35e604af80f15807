// SPDX-License-Identifier: MIT
// A plugin for bad_alloc_host.c: may have a C++ library of its own.
#include <new>
#include <vector>

extern "C" int plugin_run()
{
    volatile std::size_t huge = static_cast<std::size_t>(1) << 60;
    int caught = 0;
    try {
        std::vector<char> bytes;
        bytes.reserve(huge);
    } catch (const std::bad_alloc &) {
        caught++;
    }
    if (new (std::nothrow) char[huge] == nullptr)
        caught++;
    return caught == 2 ? 0 : 1;
}
