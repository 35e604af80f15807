/* SPDX-License-Identifier: MIT */
/*
 * Notices when a program confines itself. The program's calls of prctl() and syscall() pass through
 * here. So the os layer knows of a seccomp filter before it is in force, and from then on makes no
 * optional call, for which the filter might kill the process. Each call goes on unchanged to the
 * next definition, libc's or another library's, which sets errno and the result. A filter that a
 * program installs by machine instructions of its own is not noticed: HAKMEM_PLAIN_CALLS=1 is for
 * such programs.
 */
#include "api/api.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* weak: a static program may lack it */
extern __typeof__(dlsym) dlsym __attribute__((weak));

typedef int (*prctl_function)(int option, ...);

/* The next definitions; NULL before the constructor runs, and in static programs. */
static prctl_function next_prctl;
__attribute__((visibility("hidden"))) uintptr_t confine_next_syscall;

__attribute__((constructor(102))) static void find_next(void)
{
    int saved = errno;
    if (dlsym) {
        next_prctl = (prctl_function)(uintptr_t)dlsym(RTLD_NEXT, "prctl");
        confine_next_syscall = (uintptr_t)dlsym(RTLD_NEXT, "syscall");
    }
    errno = saved;
}

/* PR_SET_SECCOMP and SYS_seccomp have different numbers for the two modes. A call without a filter
 * program fails: programs make it to ask whether the kernel has filters. */
static void note(bool is_strict, bool is_filter, uintptr_t program)
{
    int saved = errno;
    if (is_strict)
        os_note_strict_mode();
    else if (is_filter && program != 0)
        os_note_filter();
    errno = saved;
}

exported int prctl(int option, ...)
{
    va_list args;
    va_start(args, option);
    unsigned long second = va_arg(args, unsigned long);
    unsigned long third = va_arg(args, unsigned long);
    unsigned long fourth = va_arg(args, unsigned long);
    unsigned long fifth = va_arg(args, unsigned long);
    va_end(args);
    if (option == PR_SET_SECCOMP)
        note(second == SECCOMP_MODE_STRICT, second == SECCOMP_MODE_FILTER, third);
    return next_prctl ? next_prctl(option, second, third, fourth, fifth)
                      : (int)syscall(SYS_prctl, option, second, third, fourth, fifth);
}

/* Called by syscall() below. */
__attribute__((used, visibility("hidden"))) void confine_note(long number, long first, long second,
                                                              long third);
void confine_note(long number, long first, long second, long third)
{
    if (number == SYS_prctl && first == PR_SET_SECCOMP)
        note(second == SECCOMP_MODE_STRICT, second == SECCOMP_MODE_FILTER, (uintptr_t)third);
    else if (number == SYS_seccomp)
        note(first == SECCOMP_SET_MODE_STRICT, first == SECCOMP_SET_MODE_FILTER, (uintptr_t)third);
}

/* Report an error of the kernel as libc does: set errno, and return -1. */
__attribute__((used, visibility("hidden"))) long confine_fail(long result);
long confine_fail(long result)
{
    errno = (int)-result;
    return -1;
}

/* syscall() is written in assembly. A C function could not pass on a call whose child continues on
 * another stack (clone), nor arguments whose number it does not know. */
#if defined(__x86_64__)
_Static_assert(SYS_seccomp == 317 && SYS_prctl == 157, "the numbers below");
__asm__(".text\n"
        ".globl syscall\n"
        ".type syscall, @function\n"
        "syscall:\n"
        "    cmpq $317, %rdi\n"
        "    je 1f\n"
        "    cmpq $157, %rdi\n"
        "    je 1f\n"
        "2:  movq confine_next_syscall(%rip), %rax\n"
        "    testq %rax, %rax\n"
        "    je 3f\n"
        "    jmp *%rax\n"
        "3:  movq %rdi, %rax\n"
        "    movq %rsi, %rdi\n"
        "    movq %rdx, %rsi\n"
        "    movq %rcx, %rdx\n"
        "    movq %r8, %r10\n"
        "    movq %r9, %r8\n"
        "    movq 8(%rsp), %r9\n"
        "    syscall\n"
        "    cmpq $-4095, %rax\n"
        "    jae 4f\n"
        "    ret\n"
        "4:  movq %rax, %rdi\n"
        "    jmp confine_fail\n"
        "1:  pushq %rdi\n"
        "    pushq %rsi\n"
        "    pushq %rdx\n"
        "    pushq %rcx\n"
        "    pushq %r8\n"
        "    pushq %r9\n"
        "    subq $8, %rsp\n"
        "    call confine_note\n"
        "    addq $8, %rsp\n"
        "    popq %r9\n"
        "    popq %r8\n"
        "    popq %rcx\n"
        "    popq %rdx\n"
        "    popq %rsi\n"
        "    popq %rdi\n"
        "    jmp 2b\n"
        ".size syscall, . - syscall\n");
#elif defined(__aarch64__)
_Static_assert(SYS_seccomp == 277 && SYS_prctl == 167, "the numbers below");
__asm__(".text\n"
        ".globl syscall\n"
        ".type syscall, %function\n"
        "syscall:\n"
        "    cmp x0, #277\n"
        "    b.eq 1f\n"
        "    cmp x0, #167\n"
        "    b.eq 1f\n"
        "2:  adrp x16, confine_next_syscall\n"
        "    ldr x16, [x16, :lo12:confine_next_syscall]\n"
        "    cbz x16, 3f\n"
        "    br x16\n"
        "3:  mov x8, x0\n"
        "    mov x0, x1\n"
        "    mov x1, x2\n"
        "    mov x2, x3\n"
        "    mov x3, x4\n"
        "    mov x4, x5\n"
        "    mov x5, x6\n"
        "    svc #0\n"
        "    cmn x0, #4095\n"
        "    b.hs confine_fail\n"
        "    ret\n"
        "1:  stp x29, x30, [sp, #-80]!\n"
        "    stp x0, x1, [sp, #16]\n"
        "    stp x2, x3, [sp, #32]\n"
        "    stp x4, x5, [sp, #48]\n"
        "    str x6, [sp, #64]\n"
        "    bl confine_note\n"
        "    ldr x6, [sp, #64]\n"
        "    ldp x4, x5, [sp, #48]\n"
        "    ldp x2, x3, [sp, #32]\n"
        "    ldp x0, x1, [sp, #16]\n"
        "    ldp x29, x30, [sp], #80\n"
        "    b 2b\n"
        ".size syscall, . - syscall\n");
#endif
