"""The tables. Importing this package registers all of them."""

from marketplace.models.access import (
    AccessGroup,
    AuditRecord,
    GroupMember,
    LoginSession,
    TokenRow,
    UsedSignIn,
)
from marketplace.models.background import BackgroundLease
from marketplace.models.base import Base
from marketplace.models.certificate import Certificate
from marketplace.models.conflict import ConflictCoordinates
from marketplace.models.current import Current
from marketplace.models.entry import Entry, EntryBody, EntryChecksum, EntryLocation, EntryTag, Twin
from marketplace.models.erasure import Erasure
from marketplace.models.event import Event, EventState, Webhook, WebhookDelivery
from marketplace.models.limit import LimitBucket
from marketplace.models.location import WatchedLocation
from marketplace.models.log import ChangeRow, FollowerCursor, Log, RenewalRow
from marketplace.models.mail import MailLink, OutgoingMail
from marketplace.models.peers import (
    PeerEvidence,
    PeerFault,
    PeerGrant,
    PeerLog,
    PeerMirror,
    PeerRejected,
    PeerRow,
    PeerWanted,
    SeenCheckpoint,
)
from marketplace.models.pending import ConfirmedEndorser, PendingUpload
from marketplace.models.receipt import CloudSite, SiteReceipt
from marketplace.models.reminder import ReminderChoice, ReminderGiven
from marketplace.models.schema import SchemaSupport
from marketplace.models.tree import Cosignature, Leaf, Tile, Tree, Witnessed
from marketplace.models.trust import (
    IntermediateCertificate,
    RememberedList,
    TrustState,
    VerdictChange,
    VerdictRow,
)
from marketplace.models.usage import EntryUse, ViewUse
from marketplace.models.view import NamedView, ViewList

__all__ = [
    "AccessGroup",
    "AuditRecord",
    "BackgroundLease",
    "Base",
    "Certificate",
    "ChangeRow",
    "CloudSite",
    "ConfirmedEndorser",
    "ConflictCoordinates",
    "Cosignature",
    "Current",
    "Entry",
    "EntryBody",
    "EntryChecksum",
    "EntryLocation",
    "EntryTag",
    "EntryUse",
    "Erasure",
    "Event",
    "EventState",
    "FollowerCursor",
    "GroupMember",
    "IntermediateCertificate",
    "Leaf",
    "LimitBucket",
    "Log",
    "LoginSession",
    "MailLink",
    "NamedView",
    "OutgoingMail",
    "PeerEvidence",
    "PeerFault",
    "PeerGrant",
    "PeerLog",
    "PeerMirror",
    "PeerRejected",
    "PeerRow",
    "PeerWanted",
    "PendingUpload",
    "RememberedList",
    "ReminderChoice",
    "ReminderGiven",
    "RenewalRow",
    "SchemaSupport",
    "SeenCheckpoint",
    "SiteReceipt",
    "Tile",
    "TokenRow",
    "Tree",
    "TrustState",
    "Twin",
    "UsedSignIn",
    "VerdictChange",
    "VerdictRow",
    "ViewList",
    "ViewUse",
    "WatchedLocation",
    "Webhook",
    "WebhookDelivery",
    "Witnessed",
]
