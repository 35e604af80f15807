// SPDX-License-Identifier: MIT
// expect: out of memory, and std::bad_alloc cannot be thrown: no C++ library is found
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>

int main(void)
{
    void *(*operator_new)(size_t) = (void *(*)(size_t))(uintptr_t)dlsym(RTLD_DEFAULT, "_Znwm");
    return operator_new ? operator_new(PTRDIFF_MAX) != NULL : 1;
}
