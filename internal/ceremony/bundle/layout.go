package bundle

// Where the bundles of a draft, and of what is published, have what a witness
// reads too.
const (
	PlanPath   = "plan.yaml"               // in both
	AnchorPath = "anchor.json"             // what changes in the anchor; in a draft's below DraftDir
	OriginPath = "origin/transcript.jsonl" // of the ceremony, up to the draft
	DraftDir   = "draft"                   // the documents to sign, as in a repository
	PriorDir   = "previous"                // the rosters so far, as in a repository
	PublishDir = "publish"                 // what is published, as in a repository
)
