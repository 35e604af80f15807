/* SPDX-License-Identifier: MIT */
/*
 * hakmem.h in a C++ program: it compiles as C++, and an owned heap serves as the arena of
 * containers that are never destroyed one by one, but all at once with the heap.
 */
#include "check.h"

#include <functional>
#include <map>
#include <new>
#include <string>
#include <vector>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow" /* struct hak_stats and hak_stats(): fine in C */
#include <hakmem/hakmem.h>
#pragma GCC diagnostic pop

static decltype(&hak_heap_malloc) heap_malloc;

/* An allocator of the standard's kind that takes from one heap and gives nothing back. */
template <class Type> struct HeapAllocator {
    using value_type = Type;
    hak_heap *heap;
    explicit HeapAllocator(hak_heap *from) : heap(from) {}
    template <class Other> HeapAllocator(const HeapAllocator<Other> &other) : heap(other.heap) {}
    Type *allocate(size_t count)
    {
        void *block = heap_malloc(heap, count * sizeof(Type));
        if (block == nullptr)
            throw std::bad_alloc();
        return static_cast<Type *>(block);
    }
    void deallocate(Type *, size_t) {}
    template <class Other> bool operator==(const HeapAllocator<Other> &other) const
    {
        return heap == other.heap;
    }
    template <class Other> bool operator!=(const HeapAllocator<Other> &other) const
    {
        return heap != other.heap;
    }
};

using String = std::basic_string<char, std::char_traits<char>, HeapAllocator<char>>;
using Map = std::map<int, String, std::less<int>, HeapAllocator<std::pair<const int, String>>>;

static void fill_and_check(hak_heap *heap)
{
    /* Placed in the heap too, so that no destructor runs. */
    void *place = heap_malloc(heap, sizeof(Map));
    CHECK(place != nullptr);
    Map *map = new (place) Map(HeapAllocator<std::pair<const int, String>>(heap));
    for (int i = 0; i < 3000; i++)
        map->emplace(i, String(static_cast<size_t>(i % 200), 'a', HeapAllocator<char>(heap)));
    CHECK_EQ(map->size(), 3000);
    for (const auto &[key, text] : *map)
        CHECK_EQ(text.size(), key % 200);
}

int main()
{
    if (!api_is_hakmem())
        return 0;
    auto heap_new = API_FUNCTION(hak_heap_new);
    auto heap_destroy = API_FUNCTION(hak_heap_destroy);
    auto check = API_FUNCTION(hak_check);
    heap_malloc = API_FUNCTION(hak_heap_malloc);
    for (int round = 0; round < 20; round++) {
        hak_heap *heap = heap_new();
        CHECK(heap != nullptr);
        fill_and_check(heap);
        heap_destroy(heap);
    }
    CHECK_EQ(check(), 0);
    return 0;
}
