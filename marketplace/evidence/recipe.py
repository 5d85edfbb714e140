"""How to prove evidence without this software: the text that lies in each file."""

from __future__ import annotations

from typing import Final

RECIPE: Final = """\
How to prove this evidence with xmlsec1 and openssl (and marketplace verify --evidence FILE):

  tar -xf FILE

1. The entry is signed with the key of signer.pem:

  xmlsec1 --verify --enabled-key-data x509,rsa,dsa,ec,key-value --pubkey-cert-pem signer.pem entry.xml

2. The certificate leads to an anchor, and nothing on the way is revoked. Compare the anchor with
   one that you trust: it is the site's choice, and only yours counts. -attime SECONDS looks as of then.

  openssl verify -CAfile anchors.pem -untrusted intermediates.pem signer.pem
  openssl verify -crl_check_all -CRLfile revocation.pem -CAfile anchors.pem \\
    -untrusted intermediates.pem signer.pem
  openssl x509 -in anchors.pem -noout -subject -fingerprint -sha256

   The second line only where revocation.pem is not empty.

3. What the entry says: identifier, checksums, when it was endorsed and until when it holds.

  xmllint --format entry.xml

4. verdict.json is what the marketplace answered, and statements/ are the entries it went by, each
   proved as in 1 and 2. receipt.txt proves that the entry is in the marketplace's log (C2SP
   tlog-proof); its last lines are the signed checkpoint, with the signatures of witnesses.
"""
