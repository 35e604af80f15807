/* SPDX-License-Identifier: MIT */
/*
 * A program that replaces only the operators of arrays: their nothrow and sized forms lead to
 * these, and nothing else does.
 */
#include "replaced.h"

void *operator new[](std::size_t size)
{
    return replaced_new(size);
}

void operator delete[](void *block) noexcept
{
    replaced_delete(block);
}

void *operator new[](std::size_t size, std::align_val_t)
{
    return replaced_new(size);
}

void operator delete[](void *block, std::align_val_t) noexcept
{
    replaced_delete(block);
}

int main()
{
    size_t size = opaque_size(100);
    plain_forms(0, 1);
    aligned_forms(0, 1);
    expect_null(__LINE__, [=] { return ::operator new[](size, quiet); });
    expect_null(__LINE__, [=] { return ::operator new[](size, wide, quiet); });
    return 0;
}
