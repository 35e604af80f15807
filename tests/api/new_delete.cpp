/* SPDX-License-Identifier: MIT */
/*
 * Every replaceable form of operator new and delete: plain, array, nothrow, sized, aligned and
 * their combinations; alignment, content, memory returned, and the same heap as malloc's.
 */
#include "check.h"
#include "sizes.h"

#include <memory>
#include <new>
#include <string>
#include <vector>

#ifndef __cpp_sized_deallocation
void operator delete(void *block, std::size_t size) noexcept;
void operator delete[](void *block, std::size_t size) noexcept;
void operator delete(void *block, std::size_t size, std::align_val_t alignment) noexcept;
void operator delete[](void *block, std::size_t size, std::align_val_t alignment) noexcept;
#endif

static struct sizes sizes;

static void check_block(void *block, size_t size, size_t alignment)
{
    CHECK(block != nullptr);
    CHECK(is_aligned(block, alignment < 16 ? 16 : alignment));
    CHECK_GE(malloc_usable_size(opaque(block)), size);
    uint64_t key = pattern_key(block, size, alignment);
    pattern_fill_sparse(block, size, key);
    CHECK(pattern_sparse_holds(opaque(block), size, size, key));
}

static void plain_forms(size_t size)
{
    void *block = ::operator new(opaque_size(size));
    check_block(block, size, 16);
    ::operator delete(block);
    block = ::operator new(opaque_size(size));
    ::operator delete(block, size);
    block = ::operator new(opaque_size(size), std::nothrow);
    check_block(block, size, 16);
    ::operator delete(block, std::nothrow);
    block = ::operator new[](opaque_size(size));
    check_block(block, size, 16);
    ::operator delete[](block);
    block = ::operator new[](opaque_size(size));
    ::operator delete[](block, size);
    block = ::operator new[](opaque_size(size), std::nothrow);
    check_block(block, size, 16);
    ::operator delete[](block, std::nothrow);
}

static void aligned_forms(size_t size, size_t alignment)
{
    std::align_val_t value{alignment};
    void *block = ::operator new(opaque_size(size), value);
    check_block(block, size, alignment);
    ::operator delete(block, value);
    block = ::operator new(opaque_size(size), value);
    ::operator delete(block, size, value);
    block = ::operator new(opaque_size(size), value, std::nothrow);
    check_block(block, size, alignment);
    ::operator delete(block, value, std::nothrow);
    block = ::operator new[](opaque_size(size), value);
    check_block(block, size, alignment);
    ::operator delete[](block, value);
    block = ::operator new[](opaque_size(size), value);
    ::operator delete[](block, size, value);
    block = ::operator new[](opaque_size(size), value, std::nothrow);
    check_block(block, size, alignment);
    ::operator delete[](block, value, std::nothrow);
}

static void all_forms()
{
    for (size_t i = 0; i < sizes.count; i++) {
        check_case = sizes.size[i];
        plain_forms(sizes.size[i]);
        for (size_t alignment = 1; alignment <= 8192; alignment *= 8)
            aligned_forms(sizes.size[i], alignment);
    }
    aligned_forms(100, 2 * MIB);
}

/* new Type for types that choose each form by themselves. */
struct alignas(64) Line {
    char bytes[64];
};
struct alignas(4096) Page {
    char bytes[4096];
};
struct Counted {
    static int alive;
    int *number;
    Counted() : number(new int(alive++)) {}
    Counted(const Counted &) = delete;
    Counted &operator=(const Counted &) = delete;
    ~Counted()
    {
        delete number;
        alive--;
    }
};
int Counted::alive;

static void expressions()
{
    for (int i = 1; i < 200; i++) {
        check_case = static_cast<size_t>(i);
        auto line = std::make_unique<Line>();
        CHECK(is_aligned(line.get(), 64));
        std::unique_ptr<Page[]> pages(new Page[static_cast<size_t>(i % 5 + 1)]);
        CHECK(is_aligned(pages.get(), 4096));
        auto *counted = new Counted[static_cast<size_t>(i)]; /* with a cookie for the count */
        CHECK_EQ(Counted::alive, i);
        delete[] counted;
        CHECK_EQ(Counted::alive, 0);
        auto *one = new (std::nothrow) Counted;
        CHECK(one != nullptr);
        delete one;
    }
}

/* delete gives memory back: use does not grow. */
static void they_free()
{
    for (int i = 0; i < 1000; i++)
        plain_forms(3000), aligned_forms(3000, 128);
    struct mallinfo2 before = mallinfo2();
    for (int i = 0; i < 20000; i++)
        plain_forms(3000), aligned_forms(3000, 128);
    struct mallinfo2 after = mallinfo2();
    CHECK_LE(after.uordblks, before.uordblks + 64 * KIB);
    CHECK_LE(after.arena, before.arena + 4 * MIB);
}

static void delete_of_null()
{
    errno = 4711;
    ::operator delete(opaque(nullptr));
    ::operator delete (opaque(nullptr), size_t{5});
    ::operator delete(opaque(nullptr), std::nothrow);
    ::operator delete[](opaque(nullptr));
    ::operator delete[](opaque(nullptr), size_t{5});
    ::operator delete[](opaque(nullptr), std::nothrow);
    ::operator delete (opaque(nullptr), std::align_val_t{64});
    ::operator delete (opaque(nullptr), size_t{5}, std::align_val_t{64});
    ::operator delete (opaque(nullptr), std::align_val_t{64}, std::nothrow);
    ::operator delete[](opaque(nullptr), std::align_val_t{64});
    ::operator delete[](opaque(nullptr), size_t{5}, std::align_val_t{64});
    ::operator delete[](opaque(nullptr), std::align_val_t{64}, std::nothrow);
    CHECK_EQ(errno, 4711);
}

int main()
{
    sizes_all(&sizes, 5 * MIB);
    all_forms();
    expressions();
    they_free();
    delete_of_null();
    return 0;
}
