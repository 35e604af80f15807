/* SPDX-License-Identifier: MIT */
/*
 * operator new that cannot: std::bad_alloc, nullptr from the nothrow forms, and the new-handler
 * loop: the handler is called again and again until it throws, is reset, or memory appears.
 */
#include "check.h"

#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

static const size_t impossible[] = {PTRDIFF_LIMIT, PTRDIFF_LIMIT + 1, SIZE_MAX,
                                    SIZE_MAX - 15, SIZE_MAX - 4096,   static_cast<size_t>(1) << 62};

template <class Call> static bool throws_bad_alloc(Call call)
{
    try {
        void *block = opaque(call());
        check_fail(__FILE__, __LINE__, "%p where bad_alloc should be thrown", block);
    } catch (const std::bad_alloc &error) {
        return std::string(error.what()).size() > 3;
    }
}

static void throwing_forms(bool own)
{
    for (size_t size : impossible) {
        check_case = size;
        std::align_val_t alignment{256};
        if (!own && size > SIZE_MAX - 256)
            continue; /* libstdc++ of this age lets the rounding up to the alignment overflow */
        size = opaque_size(size);
        CHECK(throws_bad_alloc([=] { return ::operator new(size); }));
        CHECK(throws_bad_alloc([=] { return ::operator new[](size); }));
        CHECK(throws_bad_alloc([=] { return ::operator new(size, alignment); }));
        CHECK(throws_bad_alloc([=] { return ::operator new[](size, alignment); }));
        CHECK(::operator new(size, std::nothrow) == nullptr);
        CHECK(::operator new[](size, std::nothrow) == nullptr);
        CHECK(::operator new(size, alignment, std::nothrow) == nullptr);
        CHECK(::operator new[](size, alignment, std::nothrow) == nullptr);
    }
}

static int handler_calls;

static void handler_that_resets()
{
    if (++handler_calls == 3)
        std::set_new_handler(nullptr);
}

static void handler_that_throws()
{
    if (++handler_calls == 4)
        throw std::bad_alloc();
}

struct Rescue : std::bad_alloc {
    int number = 42;
};

static void handler_that_throws_its_own()
{
    handler_calls++;
    throw Rescue();
}

template <class Call> static void each_form(Call call)
{
    size_t size = opaque_size(PTRDIFF_LIMIT);
    std::align_val_t alignment{64};
    call([=] { return ::operator new(size); });
    call([=] { return ::operator new[](size); });
    call([=] { return ::operator new(size, alignment); });
    call([=] { return ::operator new[](size, alignment); });
}

template <class Call> static void each_nothrow_form(Call call)
{
    size_t size = opaque_size(PTRDIFF_LIMIT);
    std::align_val_t alignment{64};
    call([=] { return ::operator new(size, std::nothrow); });
    call([=] { return ::operator new[](size, std::nothrow); });
    call([=] { return ::operator new(size, alignment, std::nothrow); });
    call([=] { return ::operator new[](size, alignment, std::nothrow); });
}

static void handler_loop()
{
    each_form([](auto call) {
        handler_calls = 0;
        std::set_new_handler(handler_that_resets);
        CHECK(throws_bad_alloc(call));
        CHECK_EQ(handler_calls, 3);
        CHECK(std::get_new_handler() == nullptr);
        handler_calls = 0;
        std::set_new_handler(handler_that_throws);
        CHECK(throws_bad_alloc(call));
        CHECK_EQ(handler_calls, 4);
        handler_calls = 0;
        std::set_new_handler(handler_that_throws_its_own);
        int caught = 0;
        try {
            opaque(call());
        } catch (const Rescue &rescue) {
            caught = rescue.number;
        }
        CHECK_EQ(caught, 42);
        CHECK_EQ(handler_calls, 1);
    });
    each_nothrow_form([](auto call) {
        handler_calls = 0;
        std::set_new_handler(handler_that_resets);
        CHECK(call() == nullptr);
        CHECK_EQ(handler_calls, 3);
        handler_calls = 0;
        std::set_new_handler(handler_that_throws); /* bad_alloc is caught inside */
        CHECK(call() == nullptr);
        CHECK_EQ(handler_calls, 4);
    });
    std::set_new_handler(nullptr);
}

/* The handler is not called when there is memory. */
static void handler_not_needed()
{
    handler_calls = 0;
    std::set_new_handler(handler_that_throws_its_own);
    for (size_t size = 0; size < 8 * MIB; size = size * 5 + 1)
        ::operator delete(opaque(::operator new(opaque_size(size))));
    CHECK_EQ(handler_calls, 0);
    std::set_new_handler(nullptr);
}

/* What stands between new and the catch is destroyed; the memory of a half-made array is freed. */
struct Tracked {
    static int alive, made, limit;
    std::string text;
    Tracked() : text(100, 'x')
    {
        if (made++ == limit)
            throw std::runtime_error("enough");
        alive++;
    }
    ~Tracked()
    {
        alive--;
    }
};
int Tracked::alive, Tracked::made, Tracked::limit;

static void fail_below(int depth)
{
    Tracked local;
    std::vector<std::string> strings(20, std::string(200, 'y'));
    if (depth > 0)
        fail_below(depth - 1);
    else
        opaque(::operator new(opaque_size(PTRDIFF_LIMIT)));
    CHECK_EQ(strings.size(), 20);
}

static void unwinding()
{
    for (int round = 0; round < 50; round++) {
        Tracked::limit = 1000000;
        Tracked::made = 0;
        bool caught = false;
        try {
            fail_below(20);
        } catch (const std::bad_alloc &) {
            caught = true;
        }
        CHECK(caught);
        CHECK_EQ(Tracked::alive, 0);
        Tracked::made = 0;
        Tracked::limit = 57;
        caught = false;
        try {
            delete[] new Tracked[100];
        } catch (const std::runtime_error &) {
            caught = true;
        }
        CHECK(caught);
        CHECK_EQ(Tracked::alive, 0);
    }
}

static void in_threads()
{
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++)
        threads.emplace_back([] {
            for (int j = 0; j < 500; j++)
                CHECK(throws_bad_alloc([] { return ::operator new(opaque_size(SIZE_MAX)); }));
        });
    for (std::thread &thread : threads)
        thread.join();
}

static void containers_that_cannot()
{
    std::vector<char> bytes(10, 'z');
    bool caught = false;
    try {
        bytes.reserve(PTRDIFF_LIMIT - 1);
    } catch (const std::bad_alloc &) {
        caught = true;
    } catch (const std::length_error &) {
        caught = true;
    }
    CHECK(caught);
    CHECK(bytes.size() == 10 && bytes[9] == 'z');
}

int main()
{
    throwing_forms(api_is_hakmem());
    handler_loop();
    handler_not_needed();
    unwinding();
    in_threads();
    containers_that_cannot();
    return 0;
}
