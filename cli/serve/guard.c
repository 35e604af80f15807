/* SPDX-License-Identifier: MIT */
/*
 * Decides whether a request may be answered. The time for this must not depend on the number of
 * correct characters in a wrong token.
 */
#include "serve/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/message.h"

/* ---- the token's file ---- */

static bool fail_token(const char *path, const char *why)
{
    cli_fail(EXIT_USAGE, "hakmem serve: the token file '%.200s' %s", path, why);
    return false;
}

/* Read at most `size` bytes; -1: that fails. */
static ssize_t read_file(const char *path, struct stat *status, char *text, size_t size)
{
    /* does not block: the file may be a pipe */
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return -1;
    ssize_t got = fstat(file, status) == 0 ? read(file, text, size) : -1;
    int error = errno;
    close(file);
    errno = error;
    return got;
}

bool guard_read_token(struct guard *guard, const char *path)
{
    char text[TOKEN_MAX + 3] = "";
    char why[160];
    struct stat status;
    ssize_t got = read_file(path, &status, text, sizeof text - 1);
    if (got < 0) {
        snprintf(why, sizeof why, "cannot be read: %s", strerror(errno));
        return fail_token(path, why);
    }
    if (!S_ISREG(status.st_mode))
        return fail_token(path, "is not a file");
    if (status.st_mode & (S_IWGRP | S_IRWXO))
        return fail_token(path, "may be read or written by others: chmod 640, or 600");
    if (status.st_uid != geteuid() && status.st_uid != 0)
        return fail_token(path, "is another user's");
    size_t length = strlen(text);
    if (length > 0 && text[length - 1] == '\n')
        text[--length] = '\0';
    if (length < TOKEN_MIN || length > TOKEN_MAX)
        return fail_token(path, "must hold one word of 16 to 256 characters");
    for (size_t i = 0; i < length; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return fail_token(path, "must hold one word of 16 to 256 characters");
    strcpy(guard->token, text);
    return true;
}

/* ---- the token of a request ---- */

/* Compare two tokens. The time is the same wherever they differ. */
static bool is_token(const struct guard *guard, const char *given)
{
    char padded[TOKEN_MAX + 1] = "";
    unsigned difference = strlen(given) > TOKEN_MAX;
    strncpy(padded, given, TOKEN_MAX);
    for (size_t i = 0; i < sizeof padded; i++)
        difference |= (unsigned char)(padded[i] ^ guard->token[i]);
    return difference == 0;
}

/* Programs send the token as a bearer token; a browser sends it as the password of any user. */
static bool has_token(const struct guard *guard, struct MHD_Connection *connection)
{
    static const char scheme[] = "Bearer ";
    const char *header = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
                                                     MHD_HTTP_HEADER_AUTHORIZATION);
    if (!header)
        return false;
    if (strncasecmp(header, scheme, strlen(scheme)) == 0)
        return is_token(guard, header + strlen(scheme));
    char *password = NULL;
    char *user = MHD_basic_auth_get_username_password(connection, &password);
    bool is_right = password && is_token(guard, password);
    MHD_free(user);
    MHD_free(password);
    return is_right;
}

/* ---- the host ---- */

/* Is the host of the request this machine's own name? The owner of another web site can let its
 * name point to this machine. For the browser, pages of that site and the server would then be the
 * same site, so the pages could read the answers. */
static bool is_own_host(const struct guard *guard, struct MHD_Connection *connection)
{
    const char *const names[] = {"localhost", "127.0.0.1", "[::1]", guard->host};
    const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
                                                   MHD_HTTP_HEADER_HOST);
    if (!host)
        return false;
    const char *end = strrchr(host, ':');
    bool has_port = end && end[1 + strspn(end + 1, "0123456789")] == '\0';
    size_t length = has_port ? (size_t)(end - host) : strlen(host);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strlen(names[i]) == length && strncasecmp(host, names[i], length) == 0)
            return true;
    return false;
}

bool guard_admits(const struct guard *guard, struct MHD_Connection *connection, const char *method,
                  bool may_post, struct answer *answer)
{
    bool is_get = strcmp(method, MHD_HTTP_METHOD_GET) == 0 ||
                  strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
    bool is_post = may_post && strcmp(method, MHD_HTTP_METHOD_POST) == 0;
    if (guard->is_local && !is_own_host(guard, connection))
        *answer = answer_line(ANSWER_FORBIDDEN,
                              "the request names another host: ask for localhost or 127.0.0.1");
    else if (guard->token[0] && !has_token(guard, connection))
        *answer = answer_line(ANSWER_NO_TOKEN, "this needs the token of the server's --token-file");
    else if (!is_get && !is_post)
        *answer = answer_line(ANSWER_NO_SUCH_METHOD, "GET and HEAD only: nothing is changed here");
    else
        return true;
    return false;
}
