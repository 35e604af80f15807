/* SPDX-License-Identifier: MIT */
/*
 * Asks the dynamic loader whether it can preload a library, in two ways: this command is
 * started with the library; or the loader of a program is asked to list what it would load. May
 * never run the program itself for that.
 */
#include "program/loader.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/message.h"
#include "diag/root.h"

#define WORDS_BYTES 1024
#define HEADERS_MOST 128

/* ---- a trial, and what it writes to standard error ---- */

static _Noreturn void become_trial(char *const argv[], const char *library, int error_end)
{
    const char *library_path = getenv("LD_LIBRARY_PATH");
    int null = open("/dev/null", O_RDWR);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(error_end, STDERR_FILENO);
    /* no settings, or the trial would write its own figures and reports */
    clearenv();
    setenv("LD_PRELOAD", library, 1);
    if (library_path)
        setenv("LD_LIBRARY_PATH", library_path, 1);
    execv(argv[0], argv);
    _exit(EXIT_INTERNAL);
}

/* Run argv with the library preloaded. Returns its status, or -1 if that is not possible. */
static int try(char *const argv[], const char *library, char words[WORDS_BYTES])
{
    size_t length = 0;
    int status = -1;
    int ends[2];
    words[0] = '\0';
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0)
        become_trial(argv, library, ends[1]);
    close(ends[1]);
    for (ssize_t got; length < WORDS_BYTES - 1 &&
                      (got = read(ends[0], words + length, WORDS_BYTES - 1 - length)) > 0;)
        length += (size_t)got;
    close(ends[0]);
    words[length] = '\0';
    return pid > 0 && waitpid(pid, &status, 0) == pid ? status : -1;
}

/* If glibc's loader cannot preload a library it continues without it, and writes the reason in
 * parentheses. */
static bool find_refusal(const char *words, char *reason, size_t size)
{
    static const char mark[] = "cannot be preloaded (";
    const char *at = strstr(words, mark);
    if (!at)
        return false;
    at += strlen(mark);
    snprintf(reason, size, "%.*s", (int)strcspn(at, ")\n"), at);
    return true;
}

bool loader_can_preload(const char *library, char *reason, size_t size)
{
    char words[WORDS_BYTES];
    char *argv[] = {(char[]){"/proc/self/exe"}, (char[]){"--version"}, NULL};
    int status = try(argv, library, words);
    if (status == -1)
        return true;
    if (find_refusal(words, reason, size))
        return false;
    /* for other failures the loader ends the program, after a line */
    snprintf(reason, size, "%.*s", words[0] ? (int)strcspn(words, "\n") : INT_MAX,
             words[0] ? words : "no program starts with it");
    return status == 0;
}

/* ---- a program's file ---- */

/* Find the program as execvp does. */
static bool find_program(const char *program, char path[PATH_MAX])
{
    const char *list = getenv("PATH");
    if (strchr(program, '/')) {
        snprintf(path, PATH_MAX, "%s", program);
        return true;
    }
    for (const char *at = list ? list : "/bin:/usr/bin"; *at; at += *at == ':') {
        int length = (int)strcspn(at, ":");
        snprintf(path, PATH_MAX, "%.*s%s%s", length, at, length ? "/" : "", program);
        if (access(path, X_OK) == 0)
            return true;
        at += length;
    }
    return false;
}

/* Does this file run with raised privileges? The loader then ignores LD_PRELOAD. */
static bool raises_rights(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return false;
    bool is_set_user = (status.st_mode & S_ISUID) && status.st_uid != getuid();
    bool is_set_group = (status.st_mode & S_ISGID) && status.st_gid != getgid();
    bool has_capability = getuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0;
    return is_set_user || is_set_group || has_capability;
}

/* The program's loader, from its program headers; "" if it has none. False if it is no program for
 * this kind of machine. */
static bool read_interpreter(int file, const unsigned char head[sizeof(Elf64_Ehdr)],
                             char path[PATH_MAX])
{
    Elf64_Ehdr elf;
    Elf64_Phdr headers[HEADERS_MOST];
    memcpy(&elf, head, sizeof elf);
    path[0] = '\0';
    if (elf.e_ident[EI_CLASS] != ELFCLASS64 || elf.e_phentsize != sizeof headers[0])
        return false;
    size_t count = elf.e_phnum < HEADERS_MOST ? elf.e_phnum : HEADERS_MOST;
    ssize_t bytes = (ssize_t)(count * sizeof headers[0]);
    if (pread(file, headers, (size_t)bytes, (off_t)elf.e_phoff) != bytes)
        return false;
    for (size_t i = 0; i < count; i++) {
        size_t length = headers[i].p_filesz < PATH_MAX ? headers[i].p_filesz : PATH_MAX - 1;
        if (headers[i].p_type != PT_INTERP)
            continue;
        if (pread(file, path, length, (off_t)headers[i].p_offset) != (ssize_t)length)
            return false;
        path[length] = '\0';
    }
    return true;
}

/* ---- why a program has left no report ---- */

/* Ask the loader to list what it would load. Not every loader knows this option: another one might
 * run the program. */
static const char *ask_loader(const char *loader, const char *path)
{
    static char reason[80];
    char words[WORDS_BYTES];
    const char *name = strrchr(loader, '/');
    const char *library = getenv("LD_PRELOAD");
    char *argv[] = {(char *)loader, (char[]){"--list"}, (char *)path, NULL};
    if (!name || !library ||
        (strncmp(name, "/ld-linux", 9) != 0 && strncmp(name, "/ld-musl", 8) != 0))
        return NULL;
    char refusal[64];
    if (try(argv, library, words) == -1 || !words[0])
        return NULL;
    if (!find_refusal(words, refusal, sizeof refusal))
        snprintf(refusal, sizeof refusal, "%.*s", (int)strcspn(words, "\n"), words);
    snprintf(reason, sizeof reason, "not loaded: %s", refusal);
    return reason;
}

static const char *explain_file(const char *path)
{
    char interpreter[PATH_MAX];
    unsigned char head[sizeof(Elf64_Ehdr)] = {0};
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0 || pread(file, head, sizeof head, 0) <= 0 || memcmp(head, ELFMAG, SELFMAG) != 0) {
        if (file >= 0)
            close(file);
        return NULL;
    }
    bool is_of_kind = read_interpreter(file, head, interpreter);
    close(file);
    if (!is_of_kind)
        return "it is no program of 64 bits, and the library is";
    if (!interpreter[0])
        return "it is statically linked";
    return ask_loader(interpreter, path);
}

const char *loader_explain(const char *program)
{
    char path[PATH_MAX];
    if (!find_program(program, path))
        return NULL;
    if (raises_rights(path))
        return "it is set-user-ID: the loader ignores LD_PRELOAD";
    return explain_file(path);
}

/* The magic identifies it: a stripped file has no symbols. */
bool loader_is_linked(const char *program)
{
    char path[PATH_MAX];
    struct stat status;
    if (!find_program(program, path))
        return false;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return false;
    bool is_file = fstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0;
    void *bytes = is_file ? mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0)
                          : MAP_FAILED;
    close(file);
    if (bytes == MAP_FAILED)
        return false;
    bool is_found = memmem(bytes, (size_t)status.st_size, ROOT_MAGIC, sizeof ROOT_MAGIC - 1);
    munmap(bytes, (size_t)status.st_size);
    return is_found;
}
