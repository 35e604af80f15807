/* SPDX-License-Identifier: MIT */
/*
 * `catch (...)` in C: the nothrow forms of operator new return NULL if the throwing form, or the
 * handler, throws. The frame is written by hand, in the form that a C++ compiler would give it: its
 * personality is that of the C++ library, and its table (Itanium C++ ABI: Exception Handling
 * Tables) has one call, for which it catches every exception. Without a C++ library the frame has
 * no personality, and nothing is thrown.
 */
#include "api/cxx.h"

#include <unwind.h>

#define hidden __attribute__((visibility("hidden")))

#if defined(__x86_64__) || defined(__aarch64__)
#define CATCH_FRAME(type, enter, call, leave, land)                                                \
    __asm__(".text\n"                                                                              \
            ".hidden hak_catch_frame\n"                                                            \
            ".globl hak_catch_frame\n"                                                             \
            ".type hak_catch_frame, " type "\n"                                                    \
            "hak_catch_frame:\n"                                                                   \
            ".cfi_startproc\n"                                                                     \
            ".cfi_personality 0x9b, hak_catch_personality\n" /* the address of the address */      \
            ".cfi_lsda 0x1b, .Lhak_catch_table\n" enter ".Lhak_catch_from:\n" call                 \
            ".Lhak_catch_to:\n.Lhak_catch_leave:\n" leave ".Lhak_catch_landing:\n" land            \
            ".cfi_endproc\n"                                                                       \
            ".size hak_catch_frame, . - hak_catch_frame\n"                                         \
            ".section .gcc_except_table, \"a\"\n"                                                  \
            ".balign 4\n"                                                                          \
            ".Lhak_catch_table:\n"                                                                 \
            ".byte 0xff\n" /* landing pads are counted from the function's start */                \
            ".byte 0x9b\n" /* types are 4 bytes */                                                 \
            ".uleb128 .Lhak_catch_types - .Lhak_catch_calls\n"                                     \
            ".Lhak_catch_calls:\n"                                                                 \
            ".byte 0x01\n" /* calls are in uleb128 */                                              \
            ".uleb128 .Lhak_catch_actions - .Lhak_catch_call\n"                                    \
            ".Lhak_catch_call:\n"                                                                  \
            ".uleb128 .Lhak_catch_from - hak_catch_frame\n"                                        \
            ".uleb128 .Lhak_catch_to - .Lhak_catch_from\n"                                         \
            ".uleb128 .Lhak_catch_landing - hak_catch_frame\n"                                     \
            ".uleb128 1\n" /* the first action */                                                  \
            ".Lhak_catch_actions:\n"                                                               \
            ".byte 1, 0\n" /* the first type, and no more */                                       \
            ".balign 4\n"                                                                          \
            ".long 0\n" /* the type: any */                                                        \
            ".Lhak_catch_types:\n"                                                                 \
            ".text\n")
#endif

#if defined(__x86_64__)
CATCH_FRAME("@function",
            "subq $8, %rsp\n"
            ".cfi_def_cfa_offset 16\n"
            "movq %rdi, %rax\n"
            "movq %rsi, %rdi\n"
            "movq %rdx, %rsi\n",
            "call *%rax\n",
            "addq $8, %rsp\n"
            ".cfi_def_cfa_offset 8\n"
            "ret\n",
            ".cfi_def_cfa_offset 16\n"
            "movq %rax, %rdi\n"
            "call hak_catch_end\n"
            "jmp .Lhak_catch_leave\n");
#elif defined(__aarch64__)
CATCH_FRAME("%function",
            "stp x29, x30, [sp, #-16]!\n"
            ".cfi_def_cfa_offset 16\n"
            ".cfi_offset 29, -16\n"
            ".cfi_offset 30, -8\n"
            ".cfi_remember_state\n"
            "mov x9, x0\n"
            "mov x0, x1\n"
            "mov x1, x2\n",
            "blr x9\n",
            "ldp x29, x30, [sp], #16\n"
            ".cfi_def_cfa_offset 0\n"
            ".cfi_restore 29\n"
            ".cfi_restore 30\n"
            "ret\n",
            ".cfi_restore_state\n"
            "bl hak_catch_end\n"
            "b .Lhak_catch_leave\n");
#else
#define hak_catch_frame(call, a, b) (call)(a, b)
#endif

/* Weak: a C program has no C++ library. */
extern const char __gxx_personality_v0[] __attribute__((weak));
extern void *__cxa_begin_catch(void *exception) __attribute__((weak));
extern void __cxa_end_catch(void) __attribute__((weak));

/* Written at most once, if the C++ library was loaded after us. */
extern hidden uintptr_t hak_catch_personality;
__attribute__((used)) uintptr_t hak_catch_personality = (uintptr_t)__gxx_personality_v0;

#ifndef hak_catch_frame
hidden void *hak_catch_frame(void *(*call)(size_t, size_t), size_t a, size_t b);
#endif
hidden void *hak_catch_end(struct _Unwind_Exception *exception);

/* End the exception as a catch clause does; otherwise std::uncaught_exceptions() would count it for
 * ever. Returns the value that the call returns. */
__attribute__((used)) void *hak_catch_end(struct _Unwind_Exception *exception)
{
    void *(*begin)(void *) = __cxa_begin_catch;
    void (*end)(void) = __cxa_end_catch;
    if (!begin || !end) {
        /* a function of the library that threw the exception */
        const void *thrower = (const void *)(uintptr_t)exception->exception_cleanup;
        begin = (void *(*)(void *))bad_alloc_find("__cxa_begin_catch", thrower);
        end = (void (*)(void))bad_alloc_find("__cxa_end_catch", thrower);
    }
    if (begin && end) {
        begin(exception);
        end();
    }
    return NULL;
}

void *catch_call(void *(*call)(size_t a, size_t b), size_t a, size_t b, const void *caller)
{
    /* relaxed: each thread finds the same value */
    if (!__atomic_load_n(&hak_catch_personality, __ATOMIC_RELAXED))
        __atomic_store_n(&hak_catch_personality, bad_alloc_find("__gxx_personality_v0", caller),
                         __ATOMIC_RELAXED);
    return hak_catch_frame(call, a, b);
}
