"""Run by the Python of build/clients: everything that Sickle asks of a repository, as JSON.

usage: sickle_all.py URL METHOD IDENTIFIER SET FROM
"""

import json
import sys

from sickle import Sickle, oaiexceptions

url, method, identifier, set_, begin = sys.argv[1:]
sickle = Sickle(url, http_method=method)
identify = sickle.Identify()
record = sickle.GetRecord(identifier=identifier, metadataPrefix="oai_dc")
FAULTS = tuple(one for one in vars(oaiexceptions).values() if isinstance(one, type))
errors = {}
for name, ask in (
    ("token", lambda: sickle.ListRecords(resumptionToken="x")),
    ("prefix", lambda: sickle.ListRecords(metadataPrefix="marc")),
    ("set", lambda: sickle.ListRecords(metadataPrefix="oai_dc", set="os:none")),
    ("identifier", lambda: sickle.GetRecord(identifier="oai:x:y", metadataPrefix="oai_dc")),
    ("argument", lambda: sickle.ListIdentifiers()),
):
    try:
        errors[name] = str(ask())
    except FAULTS as error:
        errors[name] = type(error).__name__
json.dump(
    {
        "identify": dict(identify),
        "formats": [one.metadataPrefix for one in sickle.ListMetadataFormats()],
        "sets": [one.setSpec for one in sickle.ListSets()],
        "records": [
            [one.header.identifier, one.header.datestamp, one.deleted]
            for one in sickle.ListRecords(metadataPrefix="oai_dc")
        ],
        "signed": sum(not one.deleted for one in sickle.ListRecords(metadataPrefix="stratuslab")),
        "set": [one.identifier for one in sickle.ListIdentifiers(metadataPrefix="oai_dc", set=set_)],
        "from": [
            one.identifier for one in sickle.ListIdentifiers(metadataPrefix="oai_dc", **{"from": begin})
        ],
        "record": record.metadata,
        "errors": errors,
    },
    sys.stdout,
)
