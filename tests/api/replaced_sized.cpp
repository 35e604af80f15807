/* SPDX-License-Identifier: MIT */
/* A program that replaces only sized deletes: nothing but these calls leads to them. */
#include "replaced.h"

void operator delete(void *block, std::size_t size) noexcept
{
    CHECK_EQ(size, 100);
    deletes++;
    ::operator delete(block);
}

void operator delete[](void *block, std::size_t size) noexcept
{
    CHECK_EQ(size, 100);
    deletes++;
    ::operator delete[](block);
}

int main()
{
    size_t size = opaque_size(100);
    ::operator delete(opaque(::operator new(size)));
    ::operator delete[](opaque(::operator new[](size)));
    CHECK_EQ(deletes, 0);
    ::operator delete(opaque(::operator new(size)), size);
    ::operator delete[](opaque(::operator new[](size)), size);
    CHECK_EQ(deletes, 2);
    return 0;
}
