/* SPDX-License-Identifier: MIT */
/*
 * malloc_stats writes to standard error and nowhere else; malloc_info writes well-formed XML with
 * the root <malloc version="1">, also to a stream that allocates, and refuses unknown options.
 */
#include "check.h"

#include <ctype.h>
#include <fcntl.h>
#include <sys/mman.h>

/* Runs malloc_stats with standard output and standard error going to files, returns their sizes. */
static void capture_stats(off_t *out_bytes, off_t *error_bytes)
{
    int streams[2] = {STDOUT_FILENO, STDERR_FILENO}, saved[2], files[2];
    fflush(NULL);
    for (int i = 0; i < 2; i++) {
        saved[i] = dup(streams[i]);
        files[i] = memfd_create("captured", 0);
        CHECK(saved[i] >= 0 && files[i] >= 0);
        CHECK(dup2(files[i], streams[i]) >= 0);
    }
    malloc_stats();
    fflush(NULL);
    off_t bytes[2];
    for (int i = 0; i < 2; i++) {
        dup2(saved[i], streams[i]);
        bytes[i] = lseek(files[i], 0, SEEK_END);
        close(saved[i]);
        close(files[i]);
    }
    *out_bytes = bytes[0];
    *error_bytes = bytes[1];
}

static void stats_to_stderr(void)
{
    off_t out_bytes, error_bytes;
    capture_stats(&out_bytes, &error_bytes);
    CHECK_EQ(out_bytes, 0);
    CHECK_GE(error_bytes, 20);
}

/* ---- A checker for the subset of XML that malloc_info may write ---- */

#define DEPTH_MAX 16
#define NAME_MAX_LENGTH 32
struct xml {
    const char *at;
    const char *error; /* NULL: well formed so far */
    int depth;
    int roots;
    char open[DEPTH_MAX][NAME_MAX_LENGTH];
};

static void xml_name(struct xml *xml, char *name)
{
    size_t length = 0;
    while (isalnum((unsigned char)*xml->at) || *xml->at == '_' || *xml->at == '-') {
        if (length + 1 == NAME_MAX_LENGTH)
            break;
        name[length++] = *xml->at++;
    }
    name[length] = '\0';
    if (length == 0)
        xml->error = "a name is missing";
}

static void xml_space(struct xml *xml)
{
    while (isspace((unsigned char)*xml->at))
        xml->at++;
}

/* name="value" ... up to > or /> */
static void xml_attributes(struct xml *xml)
{
    char name[NAME_MAX_LENGTH];
    for (xml_space(xml); *xml->at != '>' && *xml->at != '/' && !xml->error; xml_space(xml)) {
        xml_name(xml, name);
        if (xml->at[0] != '=' || xml->at[1] != '"') {
            xml->error = "an attribute is not name=\"value\"";
            return;
        }
        xml->at += 2;
        xml->at += strcspn(xml->at, "\"<&");
        if (*xml->at++ != '"') {
            xml->error = "an attribute's value does not end";
            return;
        }
    }
}

static void xml_tag(struct xml *xml)
{
    char name[NAME_MAX_LENGTH];
    bool closing = *xml->at == '/';
    xml->at += closing;
    xml_name(xml, name);
    if (closing) {
        if (xml->depth == 0 || strcmp(xml->open[xml->depth - 1], name) != 0)
            xml->error = "a closing tag does not match";
        else
            xml->depth--;
    } else {
        if (xml->depth == 0 && xml->roots++ > 0)
            xml->error = "there is a second root";
        xml_attributes(xml);
        if (*xml->at == '/')
            xml->at++;
        else if (xml->depth == DEPTH_MAX)
            xml->error = "too deep";
        else
            strcpy(xml->open[xml->depth++], name);
    }
    if (!xml->error && *xml->at++ != '>')
        xml->error = "a tag does not end";
}

/* NULL when `text` is one well-formed element, else what is wrong. */
static const char *xml_error(const char *text)
{
    struct xml xml = {.at = text};
    while (*xml.at != '\0' && !xml.error) {
        if (*xml.at == '<') {
            xml.at++;
            xml_tag(&xml);
        } else {
            if (*xml.at == '&' || (xml.depth == 0 && !isspace((unsigned char)*xml.at)))
                xml.error = "text where none may be";
            xml.at++;
        }
    }
    if (!xml.error && (xml.depth != 0 || xml.roots != 1))
        xml.error = "the root does not end";
    return xml.error;
}

static void checker_works(void)
{
    CHECK(xml_error("<a b=\"1\">\n<c/><d e=\"2\" f=\"\"/>x</a>\n") == NULL);
    CHECK(xml_error("<a>") != NULL);
    CHECK(xml_error("<a></b>") != NULL);
    CHECK(xml_error("<a b=1></a>") != NULL);
    CHECK(xml_error("<a/><b/>") != NULL);
    CHECK(xml_error("") != NULL);
}

/* The free blocks of the sizes are those that the total of type "rest" counts. */
static void check_counts(const char *text)
{
    unsigned long count, sum = 0;
    const char *rest = strstr(text, "<total type=\"rest\"");
    for (const char *at = text; (at = strstr(at, "<size ")) != NULL; at++) {
        CHECK_EQ(sscanf(at, "<size from=\"%*u\" to=\"%*u\" total=\"%*u\" count=\"%lu\"", &count),
                 1);
        sum += count;
    }
    CHECK(sum > 0 && rest != NULL);
    CHECK_EQ(sscanf(rest, "<total type=\"rest\" count=\"%lu\"", &count), 1);
    CHECK_EQ(count, sum);
}

static void check_info(const char *text)
{
    const char *error = xml_error(text);
    if (error != NULL)
        check_fail(__FILE__, __LINE__, "malloc_info: %s in: %.300s", error, text);
    CHECK(strncmp(text, "<malloc version=\"1\">", 20) == 0);
    check_counts(text);
}

static void info_to_file(void)
{
    static char text[1 << 20];
    FILE *file = tmpfile();
    CHECK(file != NULL);
    CHECK_EQ(malloc_info(0, file), 0);
    rewind(file);
    size_t length = fread(text, 1, sizeof text - 1, file);
    CHECK(length > 0 && length < sizeof text - 1);
    text[length] = '\0';
    fclose(file);
    check_info(text);
}

/* The stream grows its buffer with realloc while malloc_info writes. */
static void info_to_memory(void)
{
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    CHECK(stream != NULL);
    CHECK_EQ(malloc_info(0, stream), 0);
    CHECK_EQ(fclose(stream), 0);
    CHECK_EQ(strlen(text), length);
    check_info(text);
    free(text);
}

/* What <system type="TYPE" size="..."/> says. */
static unsigned long system_size(const char *type)
{
    char *text = NULL;
    size_t length = 0;
    char element[64];
    FILE *stream = open_memstream(&text, &length);
    CHECK(stream != NULL);
    CHECK_EQ(malloc_info(0, stream), 0);
    CHECK_EQ(fclose(stream), 0);
    snprintf(element, sizeof element, "<system type=\"%s\" size=\"", type);
    const char *at = strstr(text, element);
    CHECK(at != NULL);
    unsigned long size = strtoul(at + strlen(element), NULL, 10);
    free(text);
    return size;
}

/* "max" is the most that "current" has been. */
static void max_stays(void)
{
    char *blocks[1000];
    for (size_t i = 0; i < 1000; i++)
        blocks[i] = malloc(100 * KIB);
    unsigned long peak = system_size("current");
    CHECK_GE(system_size("max"), peak);
    for (size_t i = 0; i < 1000; i++)
        free(blocks[i]);
    malloc_trim(0);
    CHECK_LE(system_size("current"), peak);
    CHECK_GE(system_size("max"), peak);
}

static void unknown_options(void)
{
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    CHECK(stream != NULL);
    CHECK_EQ(malloc_info(1, stream), EINVAL);
    CHECK_EQ(malloc_info(-1, stream), EINVAL);
    CHECK_EQ(fclose(stream), 0);
    CHECK_EQ(length, 0);
    free(text);
}

int main(void)
{
    checker_works();
    stats_to_stderr();
    info_to_file();
    char *blocks[64];
    for (size_t i = 0; i < 64; i++)
        blocks[i] = malloc((size_t)1 << (i % 23));
    stats_to_stderr();
    info_to_file();
    info_to_memory();
    for (size_t i = 0; i < 64; i++)
        free(blocks[i]);
    max_stays();
    unknown_options();
    return 0;
}
