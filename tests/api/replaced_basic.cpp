/* SPDX-License-Identifier: MIT */
/*
 * A program that replaces only `operator new(size_t)` and `operator delete(void *)`: all other
 * forms that are not aligned lead to these, also those called by the C++ library.
 */
#include "replaced.h"

void *operator new(std::size_t size)
{
    return replaced_new(size);
}

void operator delete(void *block) noexcept
{
    replaced_delete(block);
}

static void containers()
{
    news = deletes = 0;
    {
        std::map<int, std::string> map;
        for (int i = 0; i < 1000; i++)
            map[i] = std::string(50, 'x');
        std::vector<int> numbers(1000);
        std::stable_sort(numbers.begin(), numbers.end()); /* a nothrow new inside */
    }
    CHECK_GE(news, 2002);
    CHECK_EQ(news, deletes);
}

int main()
{
    size_t size = opaque_size(100);
    plain_forms(1, 1);
    aligned_forms(0, 0);
    expect_null(__LINE__, [=] { return ::operator new(size, quiet); });
    expect_null(__LINE__, [=] { return ::operator new[](size, quiet); });
    containers();
    return 0;
}
