// SPDX-License-Identifier: MIT
// Every form of operator new that cannot: bad_alloc, the handler, nullptr. With -DCATCH=... the
// only catch clause is one that does not name bad_alloc, whose class a static link may leave out.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>

static volatile std::size_t huge = static_cast<std::size_t>(1) << 60;
static int handled;

#ifdef CATCH
int main()
{
    try {
        std::printf("got %p\n", ::operator new(huge));
    } catch (CATCH) {
        std::puts("caught");
        return 0;
    }
    return 1;
}
#else
static void expect(bool condition, const char *what)
{
    if (!condition) {
        std::printf("not so: %s\n", what);
        std::exit(1);
    }
}

template <class Call> static bool throws(Call call)
{
    try {
        call();
    } catch (const std::bad_alloc &) {
        return std::uncaught_exceptions() == 0;
    }
    return false;
}

static void handler_that_throws()
{
    handled++;
    throw std::bad_alloc();
}

static void handler_that_resets()
{
    handled++;
    std::set_new_handler(nullptr);
}

int main()
{
    const std::align_val_t alignment{256};
    for (int round = 0; round < 3; round++) {
        void (*const handlers[])() = {nullptr, handler_that_throws, handler_that_resets};
        auto reset = [&] { std::set_new_handler(handlers[round]); };
        handled = 0;
        reset();
        expect(throws([] { return ::operator new(huge); }), "new");
        reset();
        expect(throws([] { return ::operator new[](huge); }), "new[]");
        reset();
        expect(throws([=] { return ::operator new(huge, alignment); }), "aligned new");
        reset();
        expect(throws([=] { return ::operator new[](huge, alignment); }), "aligned new[]");
        reset();
        expect(::operator new(huge, std::nothrow) == nullptr, "nothrow new");
        reset();
        expect(::operator new[](huge, std::nothrow) == nullptr, "nothrow new[]");
        reset();
        expect(::operator new(huge, alignment, std::nothrow) == nullptr, "aligned nothrow new");
        expect(std::uncaught_exceptions() == 0, "no exception is left");
        expect(handled == (round ? 7 : 0), "the handler was called once each time");
    }
    std::set_new_handler(nullptr);
    std::puts("caught");
    return 0;
}
#endif
