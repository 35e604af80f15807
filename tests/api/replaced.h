/* SPDX-License-Identifier: MIT */
/*
 * What the programs that replace some of the operators new and delete share: the calls of the
 * replaced ones are counted, and their blocks carry a header that no other allocator understands.
 */
#ifndef TESTS_API_REPLACED_H
#define TESTS_API_REPLACED_H

#include "check.h"

#include <algorithm>
#include <exception>
#include <map>
#include <new>
#include <string>
#include <vector>

/* that a program replaces a part is what is tested */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wsized-deallocation"
#endif

static int news, deletes;
static bool is_out_of_memory;

#define HEADER_BYTES 256
static const uint64_t header_mark = UINT64_C(0x600dc0de600dc0de);

static inline void *replaced_new(size_t size)
{
    if (is_out_of_memory)
        throw std::bad_alloc();
    char *block = static_cast<char *>(aligned_alloc(HEADER_BYTES, HEADER_BYTES + size));
    CHECK(block != nullptr);
    memcpy(block + HEADER_BYTES - sizeof(header_mark), &header_mark, sizeof(header_mark));
    news++;
    return block + HEADER_BYTES;
}

static inline void replaced_delete(void *block)
{
    if (!block)
        return;
    uint64_t mark;
    memcpy(&mark, static_cast<char *>(block) - sizeof(mark), sizeof(mark));
    CHECK_EQ(mark, header_mark);
    deletes++;
    free(static_cast<char *>(block) - HEADER_BYTES);
}

/* A pair of calls: how many of the replaced operators did each reach? */
template <class New, class Delete>
static void expect_calls(int line, int expected, New make, Delete give)
{
    check_case = static_cast<size_t>(line);
    news = deletes = 0;
    void *block = opaque(make());
    CHECK(block != nullptr);
    give(block);
    CHECK_EQ(news, expected);
    CHECK_EQ(deletes, expected);
}

/* A nothrow form gives nullptr when the replaced operator throws, and leaves nothing behind. */
template <class New> static void expect_null(int line, New make)
{
    check_case = static_cast<size_t>(line);
    is_out_of_memory = true;
    void *block = opaque(make());
    is_out_of_memory = false;
    CHECK(block == nullptr);
    CHECK_EQ(std::uncaught_exceptions(), 0);
}

static const std::align_val_t wide{128};
static const std::nothrow_t &quiet = std::nothrow;

/* The forms of one object and of arrays; `expected_*` are the calls that each must lead to. */
static inline void plain_forms(int expected, int expected_array)
{
    size_t size = opaque_size(100);
    expect_calls(
        __LINE__, expected, [=] { return ::operator new(size); },
        [](void *block) { ::operator delete(block); });
    expect_calls(
        __LINE__, expected, [=] { return ::operator new(size); },
        [=](void *block) { ::operator delete(block, size); });
    expect_calls(
        __LINE__, expected, [=] { return ::operator new(size, quiet); },
        [](void *block) { ::operator delete(block, quiet); });
    expect_calls(
        __LINE__, expected_array, [=] { return ::operator new[](size); },
        [](void *block) { ::operator delete[](block); });
    expect_calls(
        __LINE__, expected_array, [=] { return ::operator new[](size); },
        [=](void *block) { ::operator delete[](block, size); });
    expect_calls(
        __LINE__, expected_array, [=] { return ::operator new[](size, quiet); },
        [](void *block) { ::operator delete[](block, quiet); });
}

static inline void aligned_forms(int expected, int expected_array)
{
    size_t size = opaque_size(1000);
    expect_calls(
        __LINE__, expected, [=] { return ::operator new(size, wide); },
        [](void *block) { ::operator delete(block, wide); });
    expect_calls(
        __LINE__, expected, [=] { return ::operator new(size, wide); },
        [=](void *block) { ::operator delete(block, size, wide); });
    expect_calls(
        __LINE__, expected, [=] { return ::operator new(size, wide, quiet); },
        [](void *block) { ::operator delete(block, wide, quiet); });
    expect_calls(
        __LINE__, expected_array, [=] { return ::operator new[](size, wide); },
        [](void *block) { ::operator delete[](block, wide); });
    expect_calls(
        __LINE__, expected_array, [=] { return ::operator new[](size, wide); },
        [=](void *block) { ::operator delete[](block, size, wide); });
    expect_calls(
        __LINE__, expected_array, [=] { return ::operator new[](size, wide, quiet); },
        [](void *block) { ::operator delete[](block, wide, quiet); });
}

#ifndef __cpp_sized_deallocation
void operator delete(void *block, std::size_t size) noexcept;
void operator delete[](void *block, std::size_t size) noexcept;
void operator delete(void *block, std::size_t size, std::align_val_t alignment) noexcept;
void operator delete[](void *block, std::size_t size, std::align_val_t alignment) noexcept;
#endif

#endif
