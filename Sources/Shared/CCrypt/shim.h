#include <crypt.h>
#include <string.h>

// Whether a phrase has this hash (crypt(5)); how long the answer takes says nothing about how many bytes are alike. Both are texts that
// end with a zero byte. 0 also where the hash is of no kind that the library knows.
static inline int mizzen_crypt_matches(const char *phrase, const char *hash) {
    struct crypt_data data;
    memset(&data, 0, sizeof data);
    const char *made = crypt_r(phrase, hash, &data);
    unsigned differs = 1;
    if (made && strlen(made) == strlen(hash)) {
        differs = 0;
        for (size_t index = 0; hash[index]; index++) differs |= (unsigned char)made[index] ^ (unsigned char)hash[index];
    }
    explicit_bzero(&data, sizeof data);
    return differs == 0;
}
